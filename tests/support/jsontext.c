#include "support/jsontext.h"

#include "onnx/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

void json_begin(struct bnf_model *model, const void *text, size_t size)
{
    *model = (struct bnf_model){.format = BNF_FORMAT_JSON};
    uint8_t *copy = bnf_alloc(size, 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    model->map.data = copy;
    model->map.size = size;
    bnf_arena_init(&model->arena, 16 * size + ((size_t)64 << 20));
}

void json_end(struct bnf_model *model)
{
    bnf_free((void *)(uintptr_t)model->map.data);
    bnf_arena_free(&model->arena);
}

struct bnf_buf json_save(const struct bnf_model *model, bool lossy, int *status)
{
    struct bnf_layout layout = {0};
    struct bnf_err err = {0};
    struct bnf_buf text = {0};
    *status = bnf_save_json_layout(model, lossy, &layout, &err);
    if (*status) {
        assert_int_equal(*status, err.status);
        bnf_buf_puts(&text, err.text);
    } else {
        FILE *file = tmpfile();
        assert_non_null(file);
        assert_int_equal(bnf_layout_stream(&layout, fileno(file), &err), 0);
        rewind(file);
        char chunk[4096];
        for (size_t got; (got = fread(chunk, 1, sizeof chunk, file)) > 0;)
            bnf_buf_add(&text, chunk, got);
        fclose(file);
    }
    bnf_layout_free(&layout);
    return text;
}

void json_expect_saved(const struct bnf_model *model, bool lossy, int status, const char *expected)
{
    int found;
    struct bnf_buf text = json_save(model, lossy, &found);
    if (found != status || strcmp(bnf_buf_text(&text), expected) != 0)
        fail_msg("status %d instead of %d, text\n%s\ninstead of\n%s", found, status, bnf_buf_text(&text),
            expected);
    bnf_buf_free(&text);
}
