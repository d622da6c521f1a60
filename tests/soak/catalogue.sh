#!/bin/bash
# Lets ONNX Runtime judge every fold of the catalogue: the cases of tests/unit/test_fold_*.c and models/tiny/*.json.
# Ends with the line `N passed, N failed`; exit 1 when one failed.
#
# usage: tests/soak/catalogue.sh BUILD         BUILD: build/release, with bnfold and the unit programs
#
# Environment: NODE_MODULES, where onnxruntime-node is; VERBOSE=1 names what it does not run; KEEP=1 leaves the pairs.
set -u
build=${1:?usage: tests/soak/catalogue.sh BUILD}
here=$(dirname "$0")
pairs=$(mktemp -d) || exit 2
[ -n "${KEEP:-}" ] && echo "pairs: $pairs" || trap 'rm -rf "$pairs"' EXIT
passed=0 failed=0

# judge NAME: shows the pairs of one folder to ONNX Runtime
judge()
{
    local log=$pairs/$1.log p f
    NODE_PATH=$NODE_MODULES node "$here/soak_ort.js" "$pairs/$1" --catalogue ${VERBOSE:+--verbose} >"$log" 2>&1
    sed '$d' "$log" | sed "s/^/$1: /"
    if [[ $(tail -n 1 "$log") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]}
        [ "$p" -gt 0 ] || f=$((f + 1))
    else
        echo "$1: ended early"
        p=0 f=1
    fi
    passed=$((passed + p)) failed=$((failed + f))
}

mkdir "$pairs/tiny"
for model in "$here"/../../models/tiny/*.json; do
    name=$(basename "$model" .json)
    "$build/bnfold" convert "$model" -o "$pairs/tiny/$name.source.onnx" >/dev/null &&
        "$build/bnfold" "$model" -o "$pairs/tiny/$name.folded.onnx" >/dev/null || failed=$((failed + 1))
done
judge tiny
for source in "$here"/../unit/test_fold_*.c; do
    name=$(basename "$source" .c)
    mkdir "$pairs/$name"
    PAIRS=$pairs/$name "$build/tests/unit/$name" >/dev/null 2>&1 || failed=$((failed + 1))
    judge "$name"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
