/* Every prefix and every single-bit flip of small models, through loading, saving and building. In one process: the
 * sanitizers and the promises of tests/fuzz/model.c are what looks on. */
#define _GNU_SOURCE
#include "fuzz/fuzz.h"

#include "support/make.h"
#include "support/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The model at path, in either form. */
static void read_model(const char *path, enum bnf_format format, struct packed *out)
{
    struct bnf_model model;
    struct bnf_err err = {0};
    struct fuzz_file file;
    struct bnf_map map;
    if (bnf_model_load(&model, path, &err) || !fuzz_save(&model, format, &file) ||
        bnf_map_descriptor(&map, file.descriptor, "model", &err))
        fail_msg("%s", err.text);
    *out = (struct packed){bnf_alloc(map.size, 1), map.size};
    assert_non_null(out->bytes);
    memcpy(out->bytes, map.data, map.size);
    bnf_map_close(&map);
    close(file.descriptor);
    bnf_model_close(&model);
}

static void prefixes(const struct packed *packed)
{
    for (size_t size = 0; size < packed->size; size++)
        fuzz_model(packed->bytes, size);
}

static void flips(const struct packed *packed)
{
    for (size_t bit = 0; bit < 8 * packed->size; bit++) {
        packed->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        fuzz_model(packed->bytes, packed->size);
        packed->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void sweep(const char *path, enum bnf_format format)
{
    struct packed packed;
    read_model(path, format, &packed);
    prefixes(&packed);
    flips(&packed);
    bnf_free(packed.bytes);
}

static void test_onnx(void **state)
{
    (void)state;
    sweep("models/tiny/conv_bn.json", BNF_FORMAT_ONNX);
}

static void test_onnx_with_bodies(void **state)
{
    (void)state;
    sweep("models/tiny/if_body.json", BNF_FORMAT_ONNX);
}

static void test_json(void **state)
{
    (void)state;
    sweep("tests/golden/fold/conv/m.json", BNF_FORMAT_JSON);
}

/* Two flips at a time, wherever they fall: 20,000 pairs. */
static void test_pairs(void **state)
{
    (void)state;
    struct packed packed;
    struct rng rng = rng_new(1);
    read_model("models/tiny/if_body.json", BNF_FORMAT_ONNX, &packed);
    for (int i = 0; i < 20000; i++) {
        size_t a = rng_below(&rng, (unsigned)packed.size), b = rng_below(&rng, (unsigned)packed.size);
        uint8_t old_a = packed.bytes[a], old_b = packed.bytes[b];
        packed.bytes[a] = (uint8_t)rng_next(&rng);
        packed.bytes[b] ^= (uint8_t)(1u << rng_below(&rng, 8));
        fuzz_model(packed.bytes, packed.size);
        packed.bytes[b] = old_b;
        packed.bytes[a] = old_a;
    }
    bnf_free(packed.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_onnx),
        cmocka_unit_test(test_onnx_with_bodies),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_pairs),
    };
    return cmocka_run_group_tests_name("broken bytes", tests, NULL, NULL);
}
