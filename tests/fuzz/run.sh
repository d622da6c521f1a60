#!/bin/bash
# Fuzzes every target for SECONDS (60), and ends with `N passed, N failed`: a target passes when nothing was found.
#
# usage: tests/fuzz/run.sh [SECONDS [TARGET …]]        after `make MODE=fuzz CC=clang fuzzers`
#
# Inputs that were worth keeping stay in $BUILD/corpus, findings in $BUILD/findings. SEED makes a run repeatable as far
# as the corpus is the same and RUNS ends it before the time does. An input may take 40 seconds: sanitizers and counters
# make a probe of the proof's, which may take three seconds, that slow.
set -u
cd "$(dirname "$0")/../.." || exit 2
BUILD=${BUILD:-build} PYTHON=${PYTHON:-/usr/bin/python3}
seconds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- wire json fold check npy
export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}
passed=0 failed=0
log=$(mktemp) || exit 2
trap 'rm -f "$log"' EXIT
mkdir -p "$BUILD/findings"
[ -d "$BUILD/corpus/seeds" ] || "$PYTHON" tests/fuzz/corpus.py "${BNFOLD:-$BUILD/release/bnfold}" "$BUILD/corpus/seeds" || exit 2
for target; do
    mkdir -p "$BUILD/corpus/$target"
    "$BUILD/fuzz/tests/fuzz/$target" -max_total_time="$seconds" -rss_limit_mb=2048 -malloc_limit_mb=2048 -timeout=40 \
        -max_len=65536 -dict=tests/fuzz/onnx.dict -artifact_prefix="$BUILD/findings/$target-" -print_final_stats=1 \
        -use_value_profile=0 ${SEED:+-seed=$SEED} ${RUNS:+-runs=$RUNS} "$BUILD/corpus/$target" "$BUILD/corpus/seeds/$target" \
        "tests/fuzz/regressions/$target" >"$log" 2>&1
    status=$?
    if [ $status -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        grep -vE '^#[0-9]+' "$log" | tail -n 60
    fi
    per_second=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    echo "$target: ${runs:-?} runs, ${per_second:-?} a second, ${edges:-?} edges, exit status $status"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
