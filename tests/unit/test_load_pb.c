/* Models from and to protobuf: payloads stay in the file, nothing is lost, nothing broken is taken. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "onnx/model.h"
#include "onnx/tensor.h"
#include "onnx/visit.h"
#include "support/hex.h"

/* A small model with tensors in every kind of place, and unknown fields of every wire type in places where
 * protobuf writes them. Lengths are filled in below: '(' tag … ')' is a message. */
static const char rich[] =
    "08 08 12 02 'me'"
    "(3a"
    " (0a 12 01 'y' 1a 02 'If' 22 02 'If'"
    "  (2a 0a 01 'b'"
    "   (32 12 01 'g' (2a 08 02 10 01 42 01 'f' 4a 08 '12345678')) a0 01 05)"
    "  (2a 0a 01 'k' (2a 10 0b 42 01 'd' 52 08 'abcdefgh') a0 01 04))"
    " (2a 08 02 10 01 22 08 'fghijklm' 42 01 'p')"
    " (2a 08 02 10 07 3a 03 05 ac 02 42 01 'i')"
    " (2a 08 00 10 01 42 01 'z')"
    " (2a 08 01 10 08 32 03 'a' 00 'b' 42 01 's')"
    " (7a (0a 08 01 10 01 42 01 'v' 4a 04 'wxyz') (12 08 01 10 07 3a 01 02 42 00) 18 03)"
    " a0 38 96 01)"
    "42 04 0a 00 10 0d"
    "(a2 01 (0a 12 01 'i' (2a 10 02 42 01 't' 4a 01 'T')))"
    "(ca 01 0a 02 'fn' (3a (2a 0a 01 'k' (2a 10 03 42 01 'q' 4a 01 'Q') a0 01 04)))"
    "a1 38 'abcdefgh' a2 38 03 'xyz' a5 38 'abcd'";

static size_t put(uint8_t *out, size_t at, const char *text, size_t length)
{
    char part[4096];
    memcpy(part, text, length);
    part[length] = 0;
    size_t size;
    uint8_t *bytes = hex_bytes(part, &size);
    memcpy(out + at, bytes, size);
    bnf_free(bytes);
    return at + size;
}

/* Assembles text with '(' tag … ')' messages of at most 16383 bytes, in as few length bytes as they need. */
static size_t assemble(const char *text, const char *end, uint8_t *out)
{
    size_t at = 0;
    while (text < end) {
        size_t plain = strcspn(text, "()");
        if (plain) {
            at = put(out, at, text, plain);
            text += plain;
            continue;
        }
        const char *close = text;
        int depth = 0;
        do
            depth += *close == '(' ? 1 : *close == ')' ? -1 : 0;
        while (depth && *++close);
        /* The tag: the hex digits up to the first blank or '('; two bytes when the first has its top bit. */
        bool wide = text[1] >= '8';
        size_t tag = wide ? 5 : 2;
        at = put(out, at, text + 1, tag);
        uint8_t inner[4096];
        size_t size = assemble(text + 1 + tag, close, inner);
        out[at++] = (uint8_t)(size >= 0x80 ? size | 0x80 : size);
        if (size >= 0x80)
            out[at++] = (uint8_t)(size >> 7);
        memcpy(out + at, inner, size);
        at += size;
        text = close + 1;
    }
    return at;
}

static size_t rich_bytes(uint8_t *out)
{
    return assemble(rich, rich + strlen(rich), out);
}

static int load(struct bnf_model *model, const void *bytes, size_t size, struct bnf_err *err)
{
    int descriptor = memfd_create("model", 0);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, bytes, size), (ssize_t)size);
    int status = bnf_model_load_descriptor(model, descriptor, "m.onnx", err);
    close(descriptor);
    return status;
}

/* The bytes that saving gives; the caller frees them. */
static uint8_t *save(const struct bnf_model *model, unsigned threads, size_t *size)
{
    int descriptor = memfd_create("saved", 0);
    struct bnf_out out = {.descriptor = descriptor, .path = (char *)(uintptr_t) "saved"};
    struct bnf_save_options options = {.format = BNF_FORMAT_ONNX, .threads = threads};
    struct bnf_err err = {0};
    uint64_t written = 0;
    int status = threads ? bnf_model_save(model, &out, &options, &written, &err)
                         : bnf_model_save_stream(model, descriptor, &options, &written, &err);
    if (status)
        fail_msg("%s", err.text);
    *size = (size_t)written;
    uint8_t *bytes = bnf_alloc(*size + 1, 1);
    assert_non_null(bytes);
    assert_int_equal(pread(descriptor, bytes, *size + 1, 0), (ssize_t)*size);
    close(descriptor);
    return bytes;
}

static void test_round_trip(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    size_t size = rich_bytes(bytes);
    struct bnf_model model;
    struct bnf_err err = {0};
    if (load(&model, bytes, size, &err))
        fail_msg("%s", err.text);
    assert_int_equal(model.format, BNF_FORMAT_ONNX);
    for (unsigned threads = 0; threads < 3; threads++) {
        size_t saved_size;
        uint8_t *saved = save(&model, threads, &saved_size);
        assert_int_equal(saved_size, size);
        assert_memory_equal(saved, bytes, size);
        bnf_free(saved);
    }
    bnf_model_close(&model);
}

struct seen {
    const struct bnf_model *model;
    char names[64];
};

static int see(void *context, Onnx__TensorProto *tensor, struct bnf_err *err)
{
    (void)err;
    struct seen *seen = context;
    strcat(seen->names, tensor->name);
    const void *payload = tensor->raw_data.len    ? (const void *)tensor->raw_data.data
                          : tensor->n_float_data  ? (const void *)tensor->float_data
                          : tensor->n_double_data ? (const void *)tensor->double_data
                                                  : seen->model->map.data;
    if ((uintptr_t)payload - (uintptr_t)seen->model->map.data >= seen->model->map.size)
        fail_msg("the payload of %s is not in the mapping", tensor->name);
    return BNF_OK;
}

static int refuse(void *context, Onnx__TensorProto *tensor, struct bnf_err *err)
{
    return strcmp(tensor->name, context) == 0 ? bnf_fail(err, BNF_EINPUT, "found") : BNF_OK;
}

/* All tensors are visited, payloads lie in the mapping, and places are told. */
static void test_tensors(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    size_t size = rich_bytes(bytes);
    struct bnf_model model;
    struct bnf_err err = {0};
    assert_int_equal(load(&model, bytes, size, &err), BNF_OK);
    struct seen seen = {.model = &model};
    assert_int_equal(bnf_visit_tensors(model.proto, see, &seen, &err), BNF_OK);
    assert_string_equal(seen.names, "fdpizsvtq");
    static const struct {
        const char *name, *sentence;
    } places[] = {
        {"f", "node 0 'If': attribute 'b': initializer 0 'f': found"},
        {"d", "node 0 'If': attribute 'k': found"},
        {"z", "initializer 2 'z': found"},
        {"v", "sparse_initializer 0: values 'v': found"},
        {"", "sparse_initializer 0: indices: found"},
        {"t", "training_info 0: initialization 'i': initializer 0 't': found"},
        {"q", "functions 0 'fn': node 0: attribute 'k': found"},
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        assert_int_equal(
            bnf_visit_tensors(model.proto, refuse, (void *)(uintptr_t)places[i].name, &err), BNF_EINPUT);
        assert_string_equal(err.text, places[i].sentence);
    }
    bnf_model_close(&model);
}

/* The parts of a list become one, in order. */
static void test_parts(void **state)
{
    (void)state;
    static const char *const text[] = {
        "(3a (2a 08 03 10 01 25 00 00 80 3f 25 00 00 00 40 22 04 00 00 40 40 42 01 'w'))",
        "(3a (2a 08 03 10 01 22 08 00 00 80 3f 00 00 00 40 22 00 22 04 00 00 40 40))",
        "(3a (2a 08 03 10 01 a5 00 00 00 80 3f 25 00 00 00 40 25 00 00 40 40))",
        "(3a (2a 08 03 10 0b 52 08 000000000000f03f 51 0000000000000040 51 0000000000000840))",
        "(3a (2a 08 03 10 07 38 01 38 02 3a 01 03))",
    };
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        uint8_t bytes[256];
        struct bnf_model model;
        struct bnf_err err = {0};
        if (load(&model, bytes, assemble(text[i], text[i] + strlen(text[i]), bytes), &err))
            fail_msg("%s: %s", text[i], err.text);
        struct bnf_tensor tensor;
        assert_int_equal(bnf_tensor_view(&model, model.proto->graph->initializer[0], &tensor, &err), BNF_OK);
        for (size_t k = 0; k < 3; k++)
            assert_true(bnf_tensor_at(&tensor, k) == (double)(k + 1));
        bnf_model_close(&model);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", "the file is empty"},
        {"08 07", "no graph: not an ONNX model"},
        {"'hello, world'", "not an ONNX model: it looks like plain text"},
        {"'<!DOCTYPE html>'", "not an ONNX model: it looks like an HTML or XML document"},
        {"'PK' 03 04 14 00",
            "not an ONNX model: it looks like a zip archive, such as PyTorch and Keras write"},
        {"1f 8b 08 00", "not an ONNX model: it looks like gzip-compressed data"},
        {"'version https://git-lfs.github.com/spec/v1' 0a",
            "not an ONNX model: it looks like a Git LFS pointer; fetch the file itself with git lfs pull"},
        {"89 'HDF' 0d 0a 1a 0a", "not an ONNX model: it looks like an HDF5 file, such as Keras writes"},
        {"1c 00 00 00 'TFL3'", "not an ONNX model: it looks like a TensorFlow Lite model"},
        {"08 03 10 01 22 0c 'abcdefghijkl'",
            "producer_name: wire type 0 at byte 2, but 'producer_name' has 2"},
        {"(3a (2a 08 02 10 01 42 01 'w' 4a 04 'abcd'))",
            "initializer 0 'w': 4 bytes of data, but dims 2 of float need 8"},
        {"(3a (2a 10 01 42 01 'w' 4a 04 'abcd') (2a 10 01 42 01 'v' 22 04 'abcd' 4a 04 'abcd'))",
            "initializer 1 'v': data in raw_data and in float_data, allowed is one field"},
        {"(3a (0a 1a 01 'C' (2a 0a 05 'value' (2a 10 63 4a 01 'a'))))",
            "node 0 'C': attribute 'value': data type 99 (unknown type), which is not one of ONNX's"},
        {"(3a (2a 10 01 42 01 'w' 4a 05 'abcd'))",
            "initializer 0 'w': length 5 runs past the end of the file at byte 15"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[256];
        char expected[1100];
        struct bnf_model model;
        struct bnf_err err = {0};
        int status =
            load(&model, bytes, assemble(cases[i].text, cases[i].text + strlen(cases[i].text), bytes), &err);
        snprintf(expected, sizeof expected, "cannot load 'm.onnx': %s", cases[i].sentence);
        assert_string_equal(err.text, expected);
        assert_int_equal(status, BNF_EINPUT);
        assert_int_equal(err.status, BNF_EINPUT);
        assert_null(model.map.data);
    }
}

static void test_no_file(void **state)
{
    (void)state;
    static const struct {
        const char *path, *sentence;
    } cases[] = {
        {"/nonexistent/m.onnx", "cannot load '/nonexistent/m.onnx': No such file or directory"},
        {"/", "cannot load '/': not a regular file"},
        {"/dev/null", "cannot load '/dev/null': not a regular file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bnf_model model;
        struct bnf_err err = {0};
        assert_int_equal(bnf_model_load(&model, cases[i].path, &err), BNF_EIO);
        assert_string_equal(err.text, cases[i].sentence);
        assert_int_equal(bnf_model_load(&model, cases[i].path, NULL), BNF_EIO);
        bnf_model_close(&model);
    }
}

/* Millions of empty messages take 80 times their size: that is stopped. */
static void test_limit(void **state)
{
    (void)state;
    size_t nodes = 600000, size = 5 + 2 * nodes;
    uint8_t *bytes = bnf_alloc(size, 1);
    assert_non_null(bytes);
    bytes[0] = 0x3a;
    for (size_t i = 0; i < 4; i++)
        bytes[1 + i] = (uint8_t)((2 * nodes >> (7 * i) & 0x7f) | (i < 3 ? 0x80 : 0));
    for (size_t i = 0; i < nodes; i++)
        bytes[5 + 2 * i] = 0x0a;
    struct bnf_model model;
    struct bnf_err err = {0};
    assert_int_equal(load(&model, bytes, size, &err), BNF_ELIMIT);
    assert_string_equal(err.text,
        "cannot load 'm.onnx': its messages need more than 86308944 bytes of memory, too many "
        "for a file of 1200005");
    bnf_free(bytes);
}

/* No broken file is taken or crashes the loader: every prefix, and every byte changed in many ways. The bytes
 * lie in a block of exactly their size, so that a sanitizer sees the loader look beyond. */
static int load_block(const uint8_t *bytes, size_t size, struct bnf_err *err)
{
    uint8_t *block = bnf_alloc(size, 1);
    assert_non_null(block);
    memcpy(block, bytes, size);
    struct bnf_model model = {.map = {.data = block, .size = size}};
    bnf_arena_init(&model.arena, (size_t)1 << 24);
    int status = bnf_load_pb(&model, err);
    bnf_arena_free(&model.arena);
    bnf_free(block);
    return status;
}

static void test_prefixes(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    size_t size = rich_bytes(bytes), graph = 0, taken = 0;
    while (bytes[graph] != 0x3a)
        graph++;
    for (size_t length = 0; length <= size; length++) {
        struct bnf_err err = {0};
        int status = load_block(bytes, length, &err);
        assert_int_equal(status, err.status);
        assert_true((status == BNF_OK) == (err.text[0] == 0));
        taken += status == BNF_OK;
    }
    /* Only a cut between two fields behind the graph leaves a model: after it and each of the 7 others. */
    assert_int_equal(taken, 7);
}

static void test_damage(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    size_t size = rich_bytes(bytes), refused = 0;
    for (size_t at = 0; at < size; at++)
        for (unsigned change = 1; change < 256; change += change < 128 ? change : 1) {
            struct bnf_err err = {0};
            bytes[at] ^= (uint8_t)change;
            int status = load_block(bytes, size, &err);
            bytes[at] ^= (uint8_t)change;
            assert_int_equal(status, err.status);
            assert_null(
                strstr(err.text, "cannot be read")); /* the walk sees all that protobuf-c would refuse */
            refused += status != BNF_OK;
        }
    assert_in_range(refused, size, size * 135);
}

/* ---- computed payloads */

static void fill(const struct bnf_source *source, size_t offset, size_t size, uint8_t *out)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)((offset + i) * *(const size_t *)source->context >> 3);
}

static void test_sources(void **state)
{
    (void)state;
    static const int64_t extents[] = {1, 4, 1024, 300000};
    static const size_t factors[] = {3, 5, 7, 11};
    uint8_t bytes[1024];
    struct bnf_model model, again;
    struct bnf_err err = {0};
    assert_int_equal(load(&model, bytes, rich_bytes(bytes), &err), BNF_OK);
    Onnx__GraphProto *graph = model.proto->graph;
    assert_int_equal(graph->n_initializer, 4);
    assert_null(bnf_model_source(&model, graph));
    struct bnf_source *sources = bnf_arena_alloc(&model.arena, 4, sizeof *sources);
    for (size_t i = 0; i < 4; i++) {
        Onnx__TensorProto *tensor = graph->initializer[i];
        tensor->data_type = BNF_DTYPE_FLOAT;
        tensor->n_dims = 1;
        tensor->dims = (int64_t *)(uintptr_t)&extents[i];
        sources[i] = (struct bnf_source){
            .size = (size_t)extents[i] * 4, .grain = 4, .fill = fill, .context = &factors[i]};
        bnf_model_set_source(&model, tensor, &sources[i]);
        assert_ptr_equal(bnf_model_source(&model, tensor->raw_data.data), &sources[i]);
    }
    assert_null(bnf_model_source(&model, NULL));
    assert_null(bnf_model_source(&model, (uint8_t *)&sources[1] + 1));
    for (unsigned threads = 0; threads < 3; threads++) {
        size_t size;
        uint8_t *saved = save(&model, threads, &size);
        if (load(&again, saved, size, &err))
            fail_msg("%s", err.text);
        for (size_t i = 0; i < 4; i++) {
            struct bnf_tensor tensor;
            assert_int_equal(
                bnf_tensor_view(&again, again.proto->graph->initializer[i], &tensor, &err), BNF_OK);
            assert_int_equal(tensor.bytes, sources[i].size);
            for (size_t k = 0; k < tensor.bytes; k++)
                if (tensor.data[k] != (uint8_t)(k * factors[i] >> 3))
                    fail_msg("tensor %zu: byte %zu is %d", i, k, tensor.data[k]);
        }
        bnf_model_close(&again);
        bnf_free(saved);
    }
    bnf_model_close(&model);
}

static void test_too_large(void **state)
{
    (void)state;
    uint8_t bytes[1024];
    struct bnf_model model;
    struct bnf_err err = {0};
    assert_int_equal(load(&model, bytes, rich_bytes(bytes), &err), BNF_OK);
    struct bnf_source source = {.size = (size_t)3 << 30, .grain = 4, .fill = fill, .context = &source};
    bnf_model_set_source(&model, model.proto->graph->initializer[0], &source);
    struct bnf_out out = {.descriptor = -1, .path = (char *)(uintptr_t) "out"};
    struct bnf_save_options options = {.format = BNF_FORMAT_ONNX};
    uint64_t written;
    assert_int_equal(bnf_model_save(&model, &out, &options, &written, &err), BNF_EINPUT);
    assert_non_null(strstr(err.text, "bytes as ONNX, but a protobuf file holds at most 2147483647; "));
    bnf_model_close(&model);
}

/* Can a message of the type hold a tensor? By the wire schema alone. */
static bool reaches(
    const ProtobufCMessageDescriptor *type, const ProtobufCMessageDescriptor **path, size_t depth)
{
    if (type == &onnx__tensor_proto__descriptor)
        return true;
    for (size_t i = 0; i < depth; i++)
        if (path[i] == type)
            return false;
    path[depth] = type;
    for (unsigned i = 0; i < type->n_fields; i++)
        if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE &&
            reaches(type->fields[i].descriptor, path, depth + 1))
            return true;
    return false;
}

static void check_wants(const ProtobufCMessageDescriptor *type, const ProtobufCMessageDescriptor **path,
    size_t depth, size_t *checked)
{
    const ProtobufCMessageDescriptor *search[64];
    for (size_t i = 0; i < depth; i++)
        if (path[i] == type)
            return;
    path[depth] = type;
    if (bnf_visit_wants(type) != reaches(type, search, 0))
        fail_msg("%s is %svisited", type->name, bnf_visit_wants(type) ? "" : "not ");
    ++*checked;
    for (unsigned i = 0; i < type->n_fields; i++)
        if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
            check_wants(type->fields[i].descriptor, path, depth + 1, checked);
}

static void test_visit_follows_schema(void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *path[64];
    size_t checked = 0;
    check_wants(&onnx__model_proto__descriptor, path, 0, &checked);
    assert_true(checked > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_visit_follows_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
