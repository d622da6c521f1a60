#!/bin/bash
# The hot loops compiled for one instruction set each: what is folded, proved and run has to be the same to the last bit.
#
# usage: tests/variants.sh        BUILD and MAKE as in the Makefile; ends with `N passed, N failed`
set -u
cd "$(dirname "$0")/.." || exit 2
BUILD=${BUILD:-build} MAKE=${MAKE:-make} PYTHON=${PYTHON:-/usr/bin/python3}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

sets=()
for set in sse2 avx2 avx512f; do # the names are GCC's and the kernel's
    if ! grep -qwm 1 "$set" /proc/cpuinfo; then
        echo "skip  $set: not on this machine"
        continue
    fi
    "$MAKE" -s -j2 ONLY=$set BUILD="$BUILD/variants/$set" >"$work/log" 2>&1 || { cat "$work/log" && exit 2; }
    sets+=("$set")
done
"$PYTHON" tests/bench/stream_models.py "$work/stream" 15 >"$work/log" || { cat "$work/log" && exit 2; }

# outcome BIN MODEL: everything that it computes from the model, as one list of checksums
outcome()
{
    local out="$work/out"
    rm -rf "$out" && mkdir "$out"
    "$1" "$2" -o "$out/folded.onnx" --check=none --quiet >"$out/fold" 2>&1
    "$1" check "$2" "$out/folded.onnx" --json | sed '/"seconds":/,/}/d' >"$out/check"
    for precision in float double; do
        "$1" run "$2" --precision=$precision -o "$out/$precision.npz" >/dev/null 2>"$out/$precision"
    done
    (cd "$out" && sha256sum -- *)
}

passed=0 failed=0
for model in models/digits.onnx models/tiny/*.json "$work"/stream/*.onnx; do
    for set in "${sets[@]}"; do
        outcome "$BUILD/variants/$set/release/bnfold" "$model" >"$work/$set"
        [ "$set" = "${sets[0]}" ] && continue
        if cmp -s "$work/${sets[0]}" "$work/$set"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "FAIL  ${model##*/}: $set gives something else than ${sets[0]}"
            diff "$work/${sets[0]}" "$work/$set"
        fi
    done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
