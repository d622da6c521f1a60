# bnfold. `make` builds build/release/bnfold; `make help` lists the targets.
CC ?= gcc
CLANG_FORMAT ?= clang-format
PYTHON ?= /usr/bin/python3
BUILD ?= build
MODE ?= release
PREFIX ?= /usr/local
WERROR ?=

PACKAGES = libprotobuf-c libcjson
DEBIAN = gcc make pkg-config libprotobuf-c-dev protobuf-c-compiler protobuf-compiler libcjson-dev libcmocka-dev \
         libopenblas-dev libzip-dev valgrind python3 python3-numpy python3-protobuf python3-onnx

VERSION := $(shell cat VERSION)
WARN = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla $(if $(WERROR),-Werror)
OPT_release = -O3 -g
OPT_asan = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
OPT_valgrind = -O1 -g
OPT = $(OPT_$(MODE))
OUT = $(BUILD)/$(MODE)
GEN = $(BUILD)/gen
CPPFLAGS += -Isrc -I$(GEN) -DBNF_VERSION='"$(VERSION)"' $(shell pkg-config --cflags-only-I $(PACKAGES))
CFLAGS += -std=c11 $(WARN) $(OPT) -pthread
# Contracting a*b+c into one rounding would make the figures of fold and proof depend on the compiler.
EXACT = -ffp-contract=off
LDLIBS += $(shell pkg-config --libs $(PACKAGES)) -lm -pthread
LDFLAGS += $(filter -fsanitize%,$(OPT))

SRC := $(wildcard src/*.c src/*/*.c)
CLI := $(wildcard cli/*.c)
OBJ := $(SRC:%.c=$(OUT)/%.o) $(OUT)/gen/onnx.pb-c.o
LIB := $(OUT)/libbnfold.a
BIN := $(OUT)/bnfold

.PHONY: all
all: $(BIN)
	@test $(MODE) != release || ln -sf $(BUILD)/release/bnfold bnfold 2>/dev/null || true

$(GEN)/onnx.pb-c.h $(GEN)/onnx.pb-c.c &: proto/onnx.proto
	@mkdir -p $(GEN)
	protoc-c --c_out=$(GEN) --proto_path=proto onnx.proto

$(OUT)/gen/%.o: $(GEN)/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=c11 $(OPT) -w -c -o $@ $<

$(OUT)/%.o: %.c | $(GEN)/onnx.pb-c.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(EXACT) -MMD -MP -c -o $@ $<

$(LIB): $(OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(BIN): $(CLI:%.c=$(OUT)/%.o) $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

-include $(wildcard $(OUT)/*/*.d $(OUT)/*/*/*.d)
