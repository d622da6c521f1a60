#!/bin/sh
# Golden tests of the command line. Usage: run.sh [PROGRAM [CASE…]]; the program is $BNFOLD, or build/release/bnfold.
#
# A case is a folder INTENT/NAME below this one with
#   cmd       a shell script that runs "$BNFOLD" in an empty folder, into which the case's other files were copied
#   exit      its exit status
#   stdout    what it prints; times, the version, and figures that depend on the order of summation are normalised
#   stderr
# "$ROOT" is the checkout. UPDATE=1 rewrites the expectations; read the difference before believing it.
set -u
here=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$here/../.." && pwd)
BNFOLD=${1:-${BNFOLD:-$ROOT/build/release/bnfold}}
[ $# -gt 0 ] && shift
case $BNFOLD in /*) ;; *) BNFOLD=$PWD/$BNFOLD ;; esac
[ -x "$BNFOLD" ] || { echo "run.sh: no program '$BNFOLD'" >&2; exit 2; }
VERSION=$(cat "$ROOT/VERSION")
export BNFOLD ROOT LC_ALL=C.UTF-8
unset NO_COLOR
work=$(mktemp -d) || exit 2
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
passed=0 failed=0

normalise()
{
    sed -e "s/bnfold $VERSION/bnfold VERSION/g; s/\"$VERSION\"/\"VERSION\"/" -e 's/  [0-9][0-9]*\.[0-9] s$/  0.0 s/' \
        -e '/"seconds":/,/}/s/:\t[0-9][-+.e0-9]*/:\t0/' \
        -e '/^output  /s/\(rms\|e_ref\|e_new\|gap\) [0-9][-+.e0-9]*/\1 X/g; /^|Δ| /s/ [0-9][0-9]*\( ·\|$\)/ X\1/g' \
        -e "s/\('[^ ]* of input [0-9]*\): [-0-9].* instead of [-0-9][^\"]*/\1: X/; s/\"buckets\":.*]/\"buckets\":	[X]/" \
        -e 's/max |Δ| [0-9][-+.e0-9]*/max |Δ| X/; s/[0-9][-+.e0-9]*× the rounding noise/X× the rounding noise/' \
        -e 's/"\(delta\|max_abs\|rms\|e_ref\|e_new\|gap\|ratio\|noise\)":\t[0-9][-+.e0-9]*/"\1":\tX/'
}

run_case()
{
    dir=$here/$1
    rm -rf "$work/run" "$work/new" && mkdir "$work/run" "$work/new" || exit 2
    find "$dir" -maxdepth 1 -type f ! -name cmd ! -name exit ! -name stdout ! -name stderr -exec cp {} "$work/run" \;
    (cd "$work/run" && exec sh "$dir/cmd") >"$work/out" 2>"$work/err" </dev/null
    echo $? >"$work/new/exit"
    normalise <"$work/out" >"$work/new/stdout"
    normalise <"$work/err" >"$work/new/stderr"
    if [ "${UPDATE:-0}" = 1 ]; then
        cp "$work/new/exit" "$work/new/stdout" "$work/new/stderr" "$dir"
    fi
    for part in exit stdout stderr; do
        [ -f "$dir/$part" ] || { echo "FAIL $1: no file '$part'"; return 1; }
        diff -u "$dir/$part" "$work/new/$part" >"$work/diff" || { echo "FAIL $1: $part"; cat "$work/diff"; return 1; }
    done
}

cases=$*
[ -n "$cases" ] || cases=$(cd "$here" && find . -name cmd | sed 's:^\./\(.*\)/cmd$:\1:' | sort)
for name in $cases; do
    [ -f "$here/$name/cmd" ] || { echo "FAIL $name: no file 'cmd'"; failed=$((failed + 1)); continue; }
    if run_case "$name"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
