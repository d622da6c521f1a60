# bnfold. `make` builds build/release/bnfold; `make help` lists the targets.
#
# MODE=release|asan|valgrind picks the flags, and with them the folder of the objects; CC=clang, WERROR=1, BUILD=DIR,
# PREFIX=DIR and DESTDIR=DIR do what they say.
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
CLANG_FORMAT ?= clang-format
PYTHON ?= /usr/bin/python3
BUILD ?= build
MODE ?= release
PREFIX ?= /usr/local
WERROR ?=
COUNT ?= 1000

PACKAGES = libprotobuf-c libcjson libzip
# OpenBLAS is loaded when the evaluator first needs it, see src/eval/openblas.h.
LOADED = openblas
# What building and testing need, and what the networks of the zoo need on top.
DEBIAN = gcc clang libclang-rt-dev make pkg-config libprotobuf-c-dev protobuf-c-compiler libcjson-dev libopenblas-dev libzip-dev \
         libcmocka-dev valgrind python3 python3-numpy python3-onnx libonnx-testdata
DEBIAN_ZOO = python3-torch python3-torchvision nodejs npm
APT = $(if $(filter-out 0,$(shell id -u)),sudo) env DEBIAN_FRONTEND=noninteractive apt-get

# V=1 shows the commands.
Q = $(if $(V),,@)
say = $(if $(V),,@echo '  $(1) $@')

VERSION := $(shell cat VERSION)
WARN = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla $(if $(WERROR),-Werror)
OPT_release = -O3 -g
OPT_asan = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
OPT_valgrind = -O1 -g
OPT_fuzz = -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
OPT = $(OPT_$(MODE))
OUT = $(BUILD)/$(MODE)
GEN = $(BUILD)/gen
CPPFLAGS += -Isrc -I$(GEN) -DBNF_VERSION='"$(VERSION)"' $(shell pkg-config --cflags-only-I $(PACKAGES) $(LOADED))
CFLAGS += -std=c11 $(WARN) $(OPT) -pthread
# Contracting a*b+c into one rounding would make the figures of fold and proof depend on the compiler.
EXACT = -ffp-contract=off
LDLIBS += $(shell pkg-config --libs $(PACKAGES)) -lm -ldl -pthread
LDFLAGS += $(filter -fsanitize%,$(OPT))

SRC := $(wildcard src/*.c src/*/*.c)
CLI := $(wildcard cli/*.c)
REAL := $(wildcard src/eval/real/*.c)
OBJ := $(SRC:%.c=$(OUT)/%.o) $(REAL:%.c=$(OUT)/%.f32.o) $(REAL:%.c=$(OUT)/%.f64.o) $(OUT)/gen/onnx.pb-c.o
LIB := $(OUT)/libbnfold.a
BIN := $(OUT)/bnfold

SUPPORT := $(patsubst %.c,$(OUT)/%.o,$(wildcard tests/support/*.c))
UNIT := $(patsubst %.c,$(OUT)/%,$(wildcard tests/unit/test_*.c))
PROPERTY := $(patsubst %.c,$(OUT)/%,$(wildcard tests/property/*.c))
CONFORMANCE := $(OUT)/tests/conformance/conformance
INFER := $(OUT)/tests/bench/infer
PROGRAMS := $(UNIT) $(PROPERTY) $(CONFORMANCE) $(INFER)
# A fuzz target reads files, see tests/fuzz/main.c; with MODE=fuzz libFuzzer drives it, and models change as models.
FUZZ := $(patsubst %,$(OUT)/tests/fuzz/%,wire json fold check npy)
FUZZ_DRIVER := $(if $(filter fuzz,$(MODE)),mutate mutate_field mutate_model,main)
FUZZ_COMMON := $(patsubst %,$(OUT)/tests/fuzz/%.o,common model $(FUZZ_DRIVER))
FUZZ_HOOKS := $(patsubst %,$(OUT)/tests/fuzz/%.o,hooks hooks_pair)
FUZZ_SECONDS ?= 60
FAULTS := $(patsubst %.c,$(OUT)/%,$(wildcard tests/faults/*.c))
# The functions of the C library that tests/faults/alloc.c stands in front of.
WRAPPED = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc
TEST_OBJ := $(PROGRAMS:%=%.o) $(SUPPORT) $(FUZZ:%=%.o) $(FUZZ_COMMON) $(FUZZ_HOOKS) $(FAULTS:%=%.o)
RUN = BUILD='$(BUILD)' MODE='$(MODE)' CC='$(CC)' WERROR='$(WERROR)' PYTHON='$(PYTHON)' MAKE='$(MAKE)' tests/run.sh

# ---- building

.PHONY: all
all: $(BIN) ## the program (the default)

# Objects depend on this file, which changes with the compiler and the flags.
FLAGS = $(CC) $(OPT) $(VERSION)
$(OUT)/flags: force
	@mkdir -p $(@D)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' >$@

$(GEN)/onnx.pb-c.h $(GEN)/onnx.pb-c.c &: proto/onnx.proto
	@mkdir -p $(GEN)
	$(call say,PROTOC)
	$(Q)protoc-c --c_out=$(GEN) --proto_path=proto onnx.proto

$(OUT)/gen/%.o: $(GEN)/%.c $(OUT)/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CPPFLAGS) -std=c11 $(OPT) -w -c -o $@ $<

# A table of cases says what differs from all-zero and leaves the rest out.
$(TEST_OBJ): CPPFLAGS += -Itests
$(TEST_OBJ): CFLAGS += -Wno-missing-field-initializers

# ONLY=avx2 compiles what is compiled for several instruction sets for that one; tests/variants.sh compares them.
CPPFLAGS += $(if $(ONLY),-DBNF_ONLY='"$(ONLY)"')

# Loops over weights, and the evaluator's kernels, once for each number type. Nobody looks at errno or at floating-point
# traps there. `omp simd` says that a loop may become vector code; clang would warn where it does not.
FAST = -fno-math-errno -fno-trapping-math -fopenmp-simd -Wno-pass-failed
$(OUT)/src/check/coefficients.o: EXACT += $(FAST)

$(OUT)/%.o: %.c $(OUT)/flags | $(GEN)/onnx.pb-c.h
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(EXACT) -MMD -MP -c -o $@ $<

$(OUT)/%.f32.o: %.c $(OUT)/flags | $(GEN)/onnx.pb-c.h
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CPPFLAGS) -DBNF_REAL_BITS=32 $(CFLAGS) $(EXACT) $(FAST) -MMD -MP -c -o $@ $<

$(OUT)/%.f64.o: %.c $(OUT)/flags | $(GEN)/onnx.pb-c.h
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CPPFLAGS) -DBNF_REAL_BITS=64 $(CFLAGS) $(EXACT) $(FAST) -MMD -MP -c -o $@ $<

$(LIB): $(OBJ)
	@rm -f $@
	$(call say,AR)
	$(Q)$(AR) rcs $@ $^

$(BIN): $(CLI:%.c=$(OUT)/%.o) $(LIB)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(PROGRAMS): %: %.o $(SUPPORT) $(LIB)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

ifeq ($(MODE),fuzz)
$(OUT)/tests/fuzz/fold $(OUT)/tests/fuzz/wire: $(OUT)/tests/fuzz/hooks.o
$(OUT)/tests/fuzz/check: $(OUT)/tests/fuzz/hooks_pair.o
endif
$(FUZZ): %: %.o $(FUZZ_COMMON) $(LIB)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) $(if $(filter fuzz,$(MODE)),-fsanitize=fuzzer) -o $@ $(filter %.o,$^) $(LIB) $(LDLIBS)

$(OUT)/tests/faults/alloc: LDFLAGS += $(WRAPPED)
$(FAULTS): %: %.o $(filter-out %/main.o,$(FUZZ_COMMON)) $(SUPPORT) $(LIB)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

.PHONY: programs fuzzers
programs: $(BIN) $(PROGRAMS) $(FUZZ) $(FAULTS)
fuzzers: $(FUZZ)

-include $(wildcard $(OUT)/*/*.d $(OUT)/*/*/*.d $(OUT)/*/*/*/*.d)

# ---- testing; TESTS=GLOB picks unit and property programs, SEED and COUNT steer the generated models

.PHONY: test check asan valgrind lint unit golden property faults
test check: ## every test; the last line says how many passed
	@COUNT=$(COUNT) $(RUN) lint unit golden property faults

asan: MODE = asan
asan: ## the same with the address and undefined-behaviour sanitizers
	@COUNT=$$(($(COUNT) / 5)) $(RUN) unit golden property faults

valgrind: MODE = valgrind
valgrind: ## the same under valgrind
	@COUNT=$$(($(COUNT) / 50)) WRAP='valgrind -q --error-exitcode=99 --leak-check=full' $(RUN) unit golden property

lint unit golden property faults: ## one part of the tests
	@COUNT=$(COUNT) $(RUN) $@

ONNX_TESTS ?= /usr/share/libonnx-testdata/data
.PHONY: conformance variants
variants: ## builds the hot loops for each instruction set alone, and compares results bit for bit
	@BUILD='$(BUILD)' MAKE='$(MAKE)' PYTHON='$(PYTHON)' tests/variants.sh

conformance: $(CONFORMANCE) ## ONNX's own backend tests in the evaluator, in float and in double
	$(CONFORMANCE) $(ONNX_TESTS)

# ---- fuzzing; FUZZ_SECONDS for each target

tests/fuzz/onnx.dict: tests/fuzz/make_dict.py proto/onnx.proto src/onnx/schema.def
	$(PYTHON) tests/fuzz/make_dict.py >$@

.PHONY: fuzz fuzz-long
fuzz: $(BIN) tests/fuzz/onnx.dict ## looks for inputs that break a promise, with clang's libFuzzer
	+@$(MAKE) -s MODE=fuzz CC=clang fuzzers
	BUILD='$(BUILD)' PYTHON='$(PYTHON)' tests/fuzz/run.sh $(FUZZ_SECONDS)

fuzz-long: FUZZ_SECONDS = 3600
fuzz-long: fuzz ## the same for an hour each

.PHONY: format format-check
format: ## lays the C out by .clang-format
	$(CLANG_FORMAT) -i $(wildcard src/*.[ch] src/*/*.[ch] cli/*.[ch] tests/*/*.[ch])

format-check: ## says what `make format` would change
	$(CLANG_FORMAT) --dry-run $(wildcard src/*.[ch] src/*/*.[ch] cli/*.[ch] tests/*/*.[ch])

SOAK := $(OUT)/tests/property/prop_wide
.PHONY: soak
soak: COUNT := $(if $(filter file,$(origin COUNT)),10000,$(COUNT))
soak: $(SOAK) $(BIN) $(UNIT) ## folds, proves and runs COUNT (10000) generated models; ONNX Runtime judges, where NODE_MODULES has it
	@COUNT=$(COUNT) NODE_MODULES='$(NODE_MODULES)' tests/soak/soak.sh $(SOAK)

# ---- large networks

NODE_MODULES ?= $(abspath $(BUILD)/npm/node_modules)

.PHONY: zoo verify-zoo oracle npm bench bench-large
zoo: ## exports torchvision's networks to models/zoo
	$(PYTHON) models/make_zoo.py models/zoo

npm $(NODE_MODULES)/onnxruntime-node: ## ONNX Runtime for node, without its GPU parts
	@mkdir -p $(BUILD)/npm
	cd $(BUILD)/npm && ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node --ignore-scripts

verify-zoo: $(BIN) $(NODE_MODULES)/onnxruntime-node ## folds the zoo and lets ONNX Runtime judge
	NODE_PATH='$(NODE_MODULES)' $(PYTHON) tests/zoo/verify.py models/zoo $(BIN)

oracle: $(BIN) $(NODE_MODULES)/onnxruntime-node ## runs the zoo against torch in float64 and against ONNX Runtime
	NODE_PATH='$(NODE_MODULES)' $(PYTHON) tests/zoo/oracle.py models/zoo $(BIN)

bench: $(BIN) $(INFER) ## speed and memory on generated models and the zoo, against cp and ONNX Runtime
	$(PYTHON) tests/bench/stream_models.py $(BUILD)/bench/stream
	$(PYTHON) models/make_bench.py $(BUILD)/bench/chains
	NODE_PATH='$(NODE_MODULES)' $(PYTHON) tests/bench/bench.py $(BIN) $(BUILD)/bench/stream
	$(PYTHON) tests/bench/bench.py --jobs=cp,fold,proof $(BIN) models/zoo $(BUILD)/bench/chains
	NODE_PATH='$(NODE_MODULES)' $(PYTHON) tests/bench/infer.py $(BIN) $(INFER) models/zoo

bench-large: $(BIN) ## the same for a model of 3 GB with external data; takes 9 GB of disk for a while
	$(PYTHON) tests/bench/stream_models.py --external $(BUILD)/bench/large 3000
	ROUNDS=1 $(PYTHON) tests/bench/bench.py --jobs=cp,fold,proof $(BIN) $(BUILD)/bench/large
	rm -rf $(BUILD)/bench/large

# ---- the rest

.PHONY: deps deps-zoo install uninstall clean help force
deps: ## installs what building and testing need (Debian)
	$(APT) update
	$(APT) install -y --no-install-recommends $(DEBIAN)

deps-zoo: deps ## and what the zoo needs
	$(APT) install -y --no-install-recommends $(DEBIAN_ZOO)

install: $(BIN) ## into $(DESTDIR)$(PREFIX)
	install -D -m 755 $(BIN) $(DESTDIR)$(PREFIX)/bin/bnfold
	install -D -m 644 src/bnfold.h $(DESTDIR)$(PREFIX)/include/bnfold.h
	install -D -m 644 $(LIB) $(DESTDIR)$(PREFIX)/lib/libbnfold.a
	install -D -m 644 cli/bnfold.1 $(DESTDIR)$(PREFIX)/share/man/man1/bnfold.1
	install -D -m 644 cli/bnfold.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/bnfold

uninstall: ## takes it out again
	cd $(DESTDIR)$(PREFIX) && rm -f bin/bnfold include/bnfold.h lib/libbnfold.a share/man/man1/bnfold.1 \
	    share/bash-completion/completions/bnfold

clean: ## removes what was built
	rm -rf $(BUILD)/release $(BUILD)/asan $(BUILD)/valgrind $(BUILD)/fuzz $(BUILD)/gen

help: ## this list
	@sed -n 's/^\([a-z][a-z -]*\)[^:]*:[^=#]*## */\1\t/p' Makefile | expand -t 16
