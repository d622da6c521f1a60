#!/bin/sh
# The house rules that a machine can check. Prints violations as file:line: rule, and ends with exit status 1 if any.
#
# The include table, from low to high. A layer includes itself and what stands behind its colon; "pb" is the generated
# onnx.pb-c.h. From src/eval, fold may use constants only.
set -u
cd "$(dirname "$0")/.." || exit 2

# shellcheck disable=SC2016
found=$(
    find src cli -name '*.[ch]' | sort | xargs awk '
    BEGIN {
        allowed["base"] = "base"
        allowed["onnx"] = "base onnx pb"
        allowed["graph"] = "base onnx graph pb"
        allowed["eval"] = "base onnx graph eval"
        allowed["fold"] = "base onnx graph constant fold"
        allowed["check"] = "base onnx graph eval constant check"
        allowed["report"] = "base fold check report face"
        allowed["top"] = "base onnx graph eval constant fold check report face top"
        allowed["cli"] = "face cli"
        cjson["src/onnx/load_json.c"] = cjson["src/onnx/save_json.c"] = cjson["src/report/json.c"] = 1
    }
    function bad(what) { print FILENAME ":" FNR ": " what }
    FNR == 1 {
        n = split(FILENAME, part, "/")
        layer = part[1] == "cli" ? "cli" : n == 2 ? "top" : part[2]
        if (!(layer in allowed))
            bad("folder \"" layer "\" is not in the table of layers")
        body = 0
    }
    FNR == 601 { bad("more than 600 lines") }
    /^#include "/ {
        split($0, quoted, "\"")
        name = quoted[2]
        slash = index(name, "/")
        to = slash ? substr(name, 1, slash - 1) : name == "onnx.pb-c.h" ? "pb" : name == "bnfold.h" ? "face" : \
             layer == "cli" ? "cli" : "top"
        if (name == "eval/constant.h" && layer != "eval")
            to = "constant"
        if (index(" " allowed[layer] " ", " " to " ") == 0)
            bad("layer " layer " includes \"" name "\"")
    }
    /^#include </ {
        if ($0 ~ /cJSON/ && !(FILENAME in cjson))
            bad("cJSON outside the JSON loader, saver and report")
        if ($0 ~ /protobuf-c/ && layer != "onnx" && layer != "graph")
            bad("protobuf-c above the graph")
    }
    /(^|[^_a-zA-Z0-9])(malloc|calloc|realloc|strdup|strndup|free) *\(/ && layer != "base" { bad("allocates outside src/base") }
    /(^|[^a-zA-Z0-9])_?[eE]xit *\(/ && !/bnf/ && layer != "cli" { bad("exit outside cli") }
    /(^|[^_a-zA-Z0-9])abort *\(/ && layer != "base" { bad("abort outside src/base; bnf_bug is for that") }
    /^typedef (struct|enum|union)/ { bad("typedef of a structure") }
    /^{/ { body = FNR }
    /^}/ {
        if (body && FNR - body > 80)
            bad("a function of " FNR - body " lines")
        body = 0
    }'
    grep -rnE 'TO''DO|FIX''ME' src cli tests proto models Makefile --include='*.[ch]' --include='*.def' \
        --include='*.sh' --include='*.py' --include='*.proto' --include='*.js' --include=Makefile
    grep -q "bnfold $(cat VERSION)" cli/bnfold.1 || echo "cli/bnfold.1:1: another version than VERSION"
    # Every option is in the manual page and among the completions, every reason has a case that produces it.
    sed -n 's/^OPTION("\([a-z-]*\)".*/\1/p' cli/options.def | while read -r option; do
        manual=$(echo "$option" | sed 's/-/\\\\-/g')
        grep -q -- "$manual" cli/bnfold.1 || echo "cli/bnfold.1:1: no option --$option"
        grep -q -- "--$option\b" cli/bnfold.bash || echo "cli/bnfold.bash:1: no option --$option"
    done
    grep -oE '^BNF_REASON\([A-Z_]+, "[a-z-]+"' src/fold/reason.def | sed 's/.*"\(.*\)"/\1/' | while read -r reason; do
        grep -qsE -- "$reason:|^warning" "tests/golden/refuse/$reason/stdout" || echo "src/fold/reason.def:1: no case for $reason"
    done
)

[ -z "$found" ] || { printf '%s\n' "$found"; exit 1; }
echo "lint: clean"
