#include "onnx/model.h"

#include "base/utf8.h"
#include "onnx/external.h"
#include "onnx/layout.h"
#include "onnx/tensor.h"
#include "onnx/visit.h"

#include <stdio.h>
#include <string.h>

/* The most memory a model may take: so many times its size, and a base for small ones. Graphs without weights
 * need about 7 times their size, messages without content 80 times: those are attacks. */
static const size_t limit_factor = 16, limit_base = (size_t)64 << 20;

/* Payload bytes between two rests of the mappings. */
static const size_t rest_after = (size_t)256 << 20;

/* JSON's objects begin with a brace. No protobuf message of ours does, nor with the white space before one.
 */
static bool is_json(const struct bnf_map *map)
{
    const uint8_t *at = map->data, *end = at + map->size;
    if (map->size >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
        at += 3;
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at < end && *at == '{';
}

static int check_tensor(void *context, Onnx__TensorProto *tensor, struct bnf_err *err)
{
    (void)context;
    return bnf_tensor_check(tensor, err);
}

/* The map is open; all else is still to be made. */
static int load(struct bnf_model *model, const char *path, struct bnf_err *err)
{
    size_t size = model->map.size;
    bnf_arena_init(
        &model->arena, size > (SIZE_MAX - limit_base) / limit_factor ? 0 : size * limit_factor + limit_base);
    model->path = bnf_arena_copy(&model->arena, path, strlen(path));
    model->passed = bnf_arena_alloc(&model->arena, 1, sizeof *model->passed);
    if (!model->path || !model->passed)
        return bnf_fail_memory(err);
    atomic_init(model->passed, 0);
    model->format = is_json(&model->map) ? BNF_FORMAT_JSON : BNF_FORMAT_ONNX;
    int status = model->format == BNF_FORMAT_JSON ? bnf_load_json(model, err) : bnf_load_pb(model, err);
    if (!status && !model->proto->graph) /* what is saved of it could not be loaded again as ONNX */
        status = bnf_fail(err, BNF_EINPUT, "no graph: not an ONNX model");
    model->arena.limit = 0; /* it was for the file; what is computed from it later is not the file's doing */
    return status ? status : bnf_visit_tensors(model->proto, check_tensor, NULL, err);
}

/* Ends a load that failed: frees what there is and makes the sentence say which file it is about, once. */
static int give_up(struct bnf_model *model, int status, const char *path, struct bnf_err *err)
{
    bnf_model_close(model);
    if (!err)
        return status;
    char named[sizeof err->text];
    size_t length = (size_t)snprintf(named, sizeof named, "'%s': ", path);
    bnf_utf8_clean(named); /* as the sentence is */
    char *reason = length < sizeof named ? strstr(err->text, named) : NULL;
    if (status == BNF_EIO && reason)
        memmove(err->text, reason + length, strlen(reason + length) + 1);
    (void)bnf_fail_at(err, "cannot load '%s'", path);
    return status;
}

int bnf_model_load(struct bnf_model *model, const char *path, struct bnf_err *err)
{
    *model = (struct bnf_model){0};
    int status = bnf_map_open(&model->map, path, err);
    if (!status)
        status = load(model, path, err);
    return status ? give_up(model, status, path, err) : BNF_OK;
}

int bnf_model_load_descriptor(struct bnf_model *model, int descriptor, const char *path, struct bnf_err *err)
{
    *model = (struct bnf_model){0};
    int status = bnf_map_descriptor(&model->map, descriptor, path, err);
    if (!status)
        status = load(model, path, err);
    return status ? give_up(model, status, path, err) : BNF_OK;
}

int bnf_model_reload(struct bnf_model *model, const char *path, struct bnf_err *err)
{
    struct bnf_map map = model->map;
    model->map = (struct bnf_map){0};
    bnf_model_close(model);
    model->map = map;
    int status = load(model, path, err);
    return status ? give_up(model, status, path, err) : BNF_OK;
}

void bnf_model_close(struct bnf_model *model)
{
    bnf_external_close(model);
    bnf_table_free(&model->source_ids);
    bnf_arena_free(&model->arena);
    bnf_map_close(&model->map);
    *model = (struct bnf_model){0};
}

void bnf_model_set_source(struct bnf_model *model, Onnx__TensorProto *tensor, struct bnf_source *source)
{
    source->next = model->sources;
    model->sources = source;
    if (!bnf_table_put(&model->source_ids, (uintptr_t)source, 0))
        model->sources_untold = true;
    tensor->has_raw_data = true;
    tensor->raw_data = (ProtobufCBinaryData){.len = source->size, .data = (uint8_t *)source};
    tensor->n_float_data = tensor->n_double_data = tensor->n_int32_data = 0;
    tensor->n_int64_data = tensor->n_uint64_data = tensor->n_string_data = 0;
    tensor->n_external_data = 0;
    tensor->has_data_location = false;
}

const struct bnf_source *bnf_model_source(const struct bnf_model *model, const void *payload)
{
    if (!model->sources || !payload)
        return NULL;
    if (bnf_table_get(&model->source_ids, (uintptr_t)payload) != BNF_NONE)
        return payload;
    if (model->sources_untold)
        for (const struct bnf_source *source = model->sources; source; source = source->next)
            if (source == payload)
                return source;
    return NULL;
}

void bnf_model_pass(const struct bnf_model *model, size_t size)
{
    if (!model->passed || atomic_fetch_add(model->passed, size) + size < rest_after)
        return;
    atomic_store(model->passed, 0);
    bnf_map_rest(&model->map);
    for (const struct bnf_external *side = model->external; side; side = side->next)
        bnf_map_rest(&side->map);
}

static int lay_out(const struct bnf_model *model, const struct bnf_save_options *options,
    struct bnf_layout *layout, struct bnf_err *err)
{
    int status = options->format == BNF_FORMAT_JSON ? bnf_save_json_layout(model, options->lossy, layout, err)
                                                    : bnf_save_pb_layout(model, layout, err);
    return !status && layout->failed ? bnf_fail_memory(err) : status;
}

int bnf_model_save(const struct bnf_model *model, const struct bnf_out *out,
    const struct bnf_save_options *options, uint64_t *written, struct bnf_err *err)
{
    struct bnf_layout layout = {.model = model};
    int status = lay_out(model, options, &layout, err);
    if (!status)
        status = bnf_layout_write(&layout, out, options->threads, err);
    *written = layout.size;
    bnf_layout_free(&layout);
    return status;
}

int bnf_model_save_stream(const struct bnf_model *model, int descriptor,
    const struct bnf_save_options *options, uint64_t *written, struct bnf_err *err)
{
    struct bnf_layout layout = {.model = model};
    int status = lay_out(model, options, &layout, err);
    if (!status)
        status = bnf_layout_stream(&layout, descriptor, err);
    *written = layout.size;
    bnf_layout_free(&layout);
    return status;
}
