#!/bin/bash
# Builds and runs tests, and ends with the line `N passed, N failed`; exit 1 when one failed.
#
# usage: tests/run.sh [lint] [unit] [golden] [property] [faults]        no argument: all of them
#
# Environment: MODE (release, asan, valgrind), BUILD, CC, WERROR as for make; TESTS, a glob that picks unit and property
# programs by name; SEED and COUNT for the generated models; WRAP, a command put in front of every program under test.
set -u
cd "$(dirname "$0")/.." || exit 2
MODE=${MODE:-release} BUILD=${BUILD:-build} CC=${CC:-gcc} WERROR=${WERROR:-} TESTS=${TESTS:-*} WRAP=${WRAP:-}
PYTHON=${PYTHON:-/usr/bin/python3}
OUT=$(realpath -m "$BUILD/$MODE")
# Asking for more than there is must come back as NULL, as it does without the sanitizer.
export ASAN_OPTIONS=allocator_may_return_null=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}
export COUNT=${COUNT:-1000} PYTHON
logs=$(mktemp -d) || exit 2
trap 'rm -rf "$logs"' EXIT
passed=0 failed=0

# add PASSED FAILED: into the sum
add()
{
    passed=$((passed + $1)) failed=$((failed + $2))
}

# For the golden tests a program with a command in front is one script. Valgrind's own messages must not mix with the
# program's; its exit status tells of errors.
BNFOLD=$OUT/bnfold
if [ -n "$WRAP" ]; then
    BNFOLD=$logs/bnfold
    quiet=${WRAP/#valgrind/valgrind --log-file=$logs/valgrind.%p}
    printf '#!/bin/sh\nexec %s "%s" "$@"\n' "$quiet" "$OUT/bnfold" >"$BNFOLD"
    chmod +x "$BNFOLD"
fi

# tally LOG STATUS: adds what a script's last line or cmocka's summaries in LOG say; a program that ends with a failure
# that it did not report, or that reports nothing, is one failure more
tally()
{
    local p f
    read -r p f < <(awk '
        /^\[  PASSED  \] [0-9]+ test/ { p += $4 }
        /^\[  FAILED  \] [0-9]+ test/ { f += $4 }
        /^[0-9]+ passed, [0-9]+ failed$/ { p += $1; f += $3 }
        END { print p + 0, f + 0 }' "$1")
    if [ "$2" -ne 0 ] && [ "$f" -eq 0 ] || [ $((p + f)) -eq 0 ]; then
        f=$((f + 1))
        echo "$(basename "$1" .log): exit status $2 after $p passed tests"
    fi
    add "$p" "$f"
    [ "$f" -eq 0 ]
}

# programs FOLDER PATTERN: runs the test programs of a folder, two at a time
programs()
{
    local source name job names=() pids=()
    for source in tests/"$1"/$2.c; do
        name=$(basename "$source" .c)
        [ -e "$source" ] && [[ $name == $TESTS ]] && names+=("$name")
    done
    for job in "${!names[@]}"; do
        while [ "$(jobs -rp | wc -l)" -ge 2 ]; do
            wait -n
        done
        name=${names[$job]}
        # shellcheck disable=SC2086
        CMOCKA_MESSAGE_OUTPUT=stdout $WRAP "$OUT/tests/$1/$name" >"$logs/$name.log" 2>&1 &
        pids[job]=$!
    done
    for job in "${!names[@]}"; do
        name=${names[$job]}
        wait "${pids[$job]}"
        if tally "$logs/$name.log" $?; then
            grep -vE '^(\[( +OK +|=+| RUN +|  PASSED  |  SKIPPED )\]|$| *[0-9]+ SKIPPED)' "$logs/$name.log"
        else
            echo "---- $name"
            grep -vE '^\[( +OK +| RUN +)\]' "$logs/$name.log"
        fi
    done
}

# check COMMAND …: runs a script whose exit status is the whole answer
check()
{
    if "$@"; then
        add 1 0
    else
        add 0 1
    fi
}

# script COMMAND …: runs a script that ends with `N passed, N failed`
script()
{
    local log
    log=$logs/$(basename "$(dirname "$1")")-$(basename "$1").log
    "$@" >"$log" 2>&1
    local status=$?
    grep -vE '^[0-9]+ passed, [0-9]+ failed$' "$log"
    tally "$log" $status
}

# regressions TARGET: what fuzzing has found before
regressions()
{
    local log=$logs/fuzz-$1.log
    # shellcheck disable=SC2086
    ALLOW_REFUTED='' $WRAP "$OUT/tests/fuzz/$1" "tests/fuzz/regressions/$1" >"$log" 2>&1
    tally "$log" $? || cat "$log"
}

# Broken bytes, failing allocations, and the program among hostile files, signals and disks.
faults()
{
    local target slow=1
    [ "$MODE" = release ] || slow=6
    programs faults '*'
    for target in wire json fold check npy; do
        regressions $target
    done
    export SLOW=$slow MEMORY=$((slow == 1)) STEP=$slow
    script tests/faults/files.sh "$BNFOLD"
    script "$PYTHON" tests/faults/attacks.py "$BNFOLD"
    script "$PYTHON" tests/faults/external.py "$BNFOLD"
}

build()
{
    MAKEFLAGS='' ${MAKE:-make} -s -k -j2 MODE="$MODE" BUILD="$BUILD" CC="$CC" WERROR="$WERROR" "$@" >"$logs/build" 2>&1
    local status=$?
    cat "$logs/build"
    if [ $status -ne 0 ]; then
        echo "---- the build failed"
        add 0 1
    fi
}

[ $# -gt 0 ] || set -- lint unit golden property faults
[ "$*" = lint ] || build programs
for part; do
    start=$passed
    case $part in
    lint) check tests/lint.sh ;;
    unit) programs unit 'test_*' ;;
    property) programs property '*' ;;
    golden)
        script tests/golden/run.sh "$BNFOLD"
        grep -h '^==' "$logs"/valgrind.* 2>/dev/null
        ;;
    faults) faults ;;
    *)
        echo "run.sh: unknown part '$part', there are lint, unit, golden, property, faults" >&2
        exit 2
        ;;
    esac
    echo "$part: $((passed - start)) passed"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
