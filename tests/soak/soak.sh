#!/bin/bash
# Folds COUNT generated models of the wide kind, proves and runs them, and lets ONNX Runtime judge those it can load,
# and the catalogue's cases as well (catalogue.sh), where it is installed. Ends with the line `N passed, N failed`; exit 1 when one failed.
#
# usage: tests/soak/soak.sh PROGRAM            PROGRAM: build/release/tests/property/prop_wide, beside everything else
#
# Environment: COUNT (10000) models from SEED (1) on; SAVE, a folder for failing models, made small; NODE_MODULES, where
# onnxruntime-node is; KEEP=1 leaves the folder with the pairs.
set -u
program=${1:?usage: tests/soak/soak.sh PROGRAM}
NODE_MODULES=${NODE_MODULES:-}
pairs=$(mktemp -d) || exit 2
[ -n "${KEEP:-}" ] || trap 'rm -rf "$pairs"' EXIT
[ -z "${SAVE:-}" ] || mkdir -p "$SAVE" || exit 2
passed=0 failed=0

# part COMMAND …: shows what it prints but its last line `N passed, N failed`, which goes into the sums
part()
{
    local last p f
    last=$("$@" | tee >(grep -vE --line-buffered '^[0-9]+ passed, [0-9]+ failed$' >&3) | tail -n 1)
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]}
    else
        echo "$1: ended early"
        p=0 f=1
    fi
    passed=$((passed + p)) failed=$((failed + f))
}

exec 3>&1
export SOAK=${COUNT:-10000} PROGRESS=500 PAIRS=$pairs
part "$program"
if [ -e "$NODE_MODULES/onnxruntime-node" ] && command -v node >/dev/null; then
    export NODE_PATH=$NODE_MODULES
    part node "$(dirname "$0")/soak_ort.js" "$pairs" --progress=500
    part "$(dirname "$0")/catalogue.sh" "$(dirname "$program")/../.."
else
    echo "no onnxruntime-node in '$NODE_MODULES': its second opinion is left out"
fi
[ -z "${KEEP:-}" ] || echo "pairs: $pairs"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
