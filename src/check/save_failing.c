/* What somebody needs to look into a failed run: the inputs, both models' outputs, and where it begins. */
#define _POSIX_C_SOURCE 200809L
#include "check/runner.h"
#include "check/spare.h"
#include "eval/feed.h"
#include "graph/cut.h"
#include "onnx/npy.h"
#include "onnx/visit.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The arrays of one file. */
struct list {
    struct bnf_named_tensor *arrays;
    size_t count;
};

static bool make_list(struct bnf_runner *r, size_t most, struct list *list)
{
    *list = (struct list){.arrays = bnf_arena_alloc(&r->arena, most, sizeof *list->arrays)};
    return list->arrays;
}

/* Text, sequences and what was not computed have no place in an archive. */
static int put(struct bnf_runner *r, struct list *list, const char *name, const struct bnf_array *a, int dtype,
    struct bnf_err *err)
{
    struct bnf_tensor tensor;
    int status = a ? bnf_feed_tensor(a, dtype, &r->arena, &tensor, err) : BNF_RUN_TROUBLE;
    if (!status)
        list->arrays[list->count++] = (struct bnf_named_tensor){.name = name, .tensor = tensor};
    return status < 0 ? status : BNF_OK;
}

/* ---- gathering ---- */

/* In double every input has room, so each is written with the numbers it was made with. */
static int put_inputs(struct bnf_runner *r, size_t sample, struct list *list, struct bnf_err *err)
{
    size_t inputs = r->graph[BNF_RUN_REF].scopes[0].input_count;
    struct bnf_array **arrays = bnf_alloc(inputs, sizeof *arrays);
    int status =
        arrays ? bnf_feeds_make(&r->feeds, sample, BNF_PRECISION_DOUBLE, &r->budget, arrays, err) : bnf_fail_memory(err);
    for (size_t i = 0; i < r->feeds.count && !status; i++) {
        const struct bnf_array *a = arrays[r->feeds.inputs[i].position];
        if (a)
            status = put(r, list, r->feeds.inputs[i].name, a, a->dtype, err);
    }
    for (size_t i = 0; arrays && i < inputs; i++)
        bnf_array_drop(&r->budget, arrays[i]);
    bnf_free(arrays);
    return status;
}

/* Both models' outputs go by the reference's names, so that the two files can be compared. */
static int put_outputs(
    struct bnf_runner *r, int side, const struct bnf_eval *eval, struct list *list, struct bnf_err *err)
{
    int status = BNF_OK;
    for (size_t i = 0; i < r->outputs && !status; i++) {
        size_t own = side == BNF_RUN_REF ? i : r->partner[i];
        const struct bnf_array *a = bnf_eval_value(eval, r->graph[side].scopes[0].outputs[own]);
        bnf_id value = r->graph[BNF_RUN_REF].scopes[0].outputs[i];
        status = put(r, list, r->graph[BNF_RUN_REF].values[value].name, a, a ? a->dtype : 0, err);
    }
    return status;
}

/* The part of the reference behind the last values that agree. Only real numbers are cut at: made-up ones would not do
 * for extents and indices. */
static int find_cut(struct bnf_runner *r, struct bnf_cut *cut, struct bnf_err *err)
{
    const struct bnf_graph *g = &r->graph[BNF_RUN_REF];
    uint8_t *stops = bnf_arena_alloc(&r->arena, g->value_count, 1);
    if (!stops)
        return bnf_fail_memory(err);
    for (bnf_id value = 0; value < g->value_count; value++)
        stops[value] = r->agreeing[value] && bnf_dtype_is_float(g->values[value].shape.dtype) &&
                       !bnf_is_constant(&r->constants, value);
    return bnf_cut_find(g, r->parting, stops, &r->arena, cut, err);
}

/* Types and extents of a cut's inputs and its output as they were in the run. What is fed behind the graph's own inputs
 * joins the saved inputs. Without the numbers of one of them there is no cut: *whole is false. */
static int form_cut(struct bnf_runner *r, const struct bnf_cut *cut, const struct bnf_eval *eval,
    struct bnf_shape *forms, struct list *inputs, bool *whole, struct bnf_err *err)
{
    const struct bnf_graph *g = &r->graph[BNF_RUN_REF];
    int status = BNF_OK;
    *whole = true;
    for (size_t i = 0; i <= cut->input_count && !status; i++) {
        bnf_id value = i < cut->input_count ? cut->inputs[i] : cut->output;
        forms[i].rank = -1;
        if (i < cut->graph_inputs) {
            for (size_t k = 0; k < inputs->count; k++) {
                const struct bnf_tensor *t = &inputs->arrays[k].tensor;
                if (strcmp(inputs->arrays[k].name, g->values[value].name) == 0)
                    forms[i] = (struct bnf_shape){
                        g->values[value].shape.dtype, (int)t->rank, (int64_t *)(uintptr_t)t->dims};
            }
            continue;
        }
        const struct bnf_array *a = bnf_eval_value(eval, value);
        if (!a || a->kind == BNF_KIND_SEQUENCE || a->kind == BNF_KIND_NOTHING) {
            *whole = false;
            return BNF_OK;
        }
        int64_t *dims = bnf_arena_alloc(&r->arena, a->rank, sizeof *dims);
        if (!dims)
            return bnf_fail_memory(err);
        memcpy(dims, a->dims, a->rank * sizeof *dims);
        forms[i] = (struct bnf_shape){a->dtype, (int)a->rank, dims};
        if (i < cut->input_count)
            status = put(r, inputs, g->values[value].name, a, a->dtype, err);
    }
    return status;
}

/* ---- writing ---- */

/* The path of a file in the folder, which must not be one that is read. */
static int path_of(struct bnf_runner *r, const char *name, const char **path, struct bnf_err *err)
{
    bool used = false;
    *path = bnf_arena_format(&r->arena, "%s/%s", r->options->save_failing, name);
    if (!*path)
        return bnf_fail_memory(err);
    for (int side = 0; side < 2; side++)
        used |= bnf_map_is(&r->graph[side].model->map, *path);
    return used ? bnf_fail(err, BNF_EUSAGE, "'%.400s' is an input", *path)
                : bnf_spare_data(*path, r->options->data, err);
}

/* What is not written this time is not left over from another failure either. */
static int finish(struct bnf_runner *r, int status, const char *name, bool written, const char *path)
{
    struct bnf_run *run = r->run;
    if (!status && written)
        run->saved[run->saved_count++] = name;
    else if (!status)
        (void)unlink(path);
    return status;
}

static int save_list(struct bnf_runner *r, const char *name, const struct list *list, struct bnf_err *err)
{
    const char *path;
    int status = path_of(r, name, &path, err);
    if (!status && list->count)
        status = bnf_npz_save(path, list->arrays, list->count, err);
    return finish(r, status, name, list->count, path);
}

/* Tensors whose elements lie in side files, while they are written with their elements in them. */
struct lent {
    Onnx__TensorProto *tensor, as_it_was;
    struct lent *next;
};

struct lending {
    struct bnf_model *model;
    struct bnf_arena *arena;
    struct lent *all;
};

static int lend(void *context, Onnx__TensorProto *tensor, struct bnf_err *err)
{
    struct lending *to = context;
    struct bnf_tensor view;
    if (!tensor->has_data_location || tensor->data_location != ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return BNF_OK;
    struct lent *one = bnf_arena_alloc(to->arena, 1, sizeof *one);
    int status = one ? bnf_tensor_view(to->model, tensor, &view, err) : bnf_fail_memory(err);
    if (status)
        return status;
    *one = (struct lent){.tensor = tensor, .as_it_was = *tensor, .next = to->all};
    to->all = one;
    tensor->has_raw_data = true;
    tensor->raw_data = (ProtobufCBinaryData){.len = view.bytes, .data = (uint8_t *)(uintptr_t)view.data};
    tensor->n_external_data = 0;
    tensor->has_data_location = false;
    return BNF_OK;
}

/* The nodes of a cut are those of the reference: what is embedded in their attributes is taken out again. */
static int save_whole(struct bnf_runner *r, struct bnf_model *cut, struct bnf_out *out, struct bnf_err *err)
{
    struct bnf_save_options how = {.format = BNF_FORMAT_ONNX, .threads = r->options->threads};
    struct lending lending = {.model = r->graph[BNF_RUN_REF].model, .arena = &r->arena};
    uint64_t written;
    int status = bnf_visit_tensors(cut->proto, lend, &lending, err);
    if (!status)
        status = bnf_model_save(cut, out, &how, &written, err);
    for (struct lent *one = lending.all; one; one = one->next)
        *one->tensor = one->as_it_was;
    return status;
}

static int save_cut(struct bnf_runner *r, const struct bnf_cut *cut, const struct bnf_shape *forms, struct bnf_err *err)
{
    static const char name[] = "cut.onnx";
    struct bnf_out out = {.descriptor = -1};
    struct bnf_model model;
    const char *path;
    int status = path_of(r, name, &path, err);
    if (!status && cut) {
        status = bnf_cut_model(cut, forms, &r->arena, &model, err);
        if (!status)
            status = bnf_out_open(&out, path, err);
        if (!status)
            status = save_whole(r, &model, &out, err);
        if (!status)
            status = bnf_out_commit(&out, false, err);
        bnf_out_discard(&out);
    }
    return finish(r, status, name, cut, path);
}

static int make_folder(const char *path, struct bnf_err *err)
{
    struct stat info;
    if (mkdir(path, 0777) == 0)
        return BNF_OK;
    int reason = errno;
    if (reason == EEXIST && stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode))
            return BNF_OK;
        reason = ENOTDIR;
    }
    return bnf_fail(err, BNF_EIO, "cannot make the folder '%.400s': %s", path, strerror(reason));
}

/* ---- the whole ---- */

/* Runs one side on the sample. Where it does not run, there are no outputs. */
static int gather(struct bnf_runner *r, int side, const struct bnf_cut *cut, struct bnf_eval *eval,
    struct list *outputs, struct bnf_err *err)
{
    size_t count = cut ? cut->input_count - cut->graph_inputs : 0;
    bnf_id *taps = bnf_arena_alloc(&r->arena, count + 1, sizeof *taps);
    if (!taps || !make_list(r, r->outputs, outputs))
        return bnf_fail_memory(err);
    for (size_t i = 0; i < count; i++)
        taps[i] = cut->inputs[cut->graph_inputs + i];
    if (cut)
        taps[count] = cut->output;
    r->all = r->done + 1;
    int status = bnf_runner_open(r, side, r->failing_precision, taps, cut ? count + 1 : 0, eval, err);
    if (!status)
        status = bnf_runner_run(r, side, eval, r->failing, err);
    if (!status)
        return put_outputs(r, side, eval, outputs, err);
    return status == BNF_RUN_TROUBLE ? BNF_OK : status;
}

int bnf_runner_save_failing(struct bnf_runner *r, struct bnf_err *err)
{
    struct bnf_eval eval[2] = {{0}};
    struct bnf_cut cut = {.output = BNF_NONE};
    struct list inputs, outputs[2];
    bool has_cut = r->agreeing;
    if (!make_list(r, r->feeds.count + r->graph[BNF_RUN_REF].value_count, &inputs))
        return bnf_fail_memory(err);
    int status = make_folder(r->options->save_failing, err);
    if (!status)
        status = put_inputs(r, r->failing, &inputs, err);
    if (!status && has_cut)
        status = find_cut(r, &cut, err);
    for (int side = 0; side < 2 && !status; side++)
        status = gather(
            r, side, has_cut && side == BNF_RUN_REF ? &cut : NULL, &eval[side], &outputs[side], err);
    struct bnf_shape *forms = bnf_arena_alloc(&r->arena, cut.input_count + 1, sizeof *forms);
    if (!status && !forms)
        status = bnf_fail_memory(err);
    if (!status && has_cut)
        status = form_cut(r, &cut, &eval[BNF_RUN_REF], forms, &inputs, &has_cut, err);
    if (!status)
        status = save_list(r, "input.npz", &inputs, err);
    if (!status)
        status = save_list(r, "reference.npz", &outputs[BNF_RUN_REF], err);
    if (!status)
        status = save_list(r, "candidate.npz", &outputs[BNF_RUN_NEW], err);
    if (!status)
        status = save_cut(r, has_cut ? &cut : NULL, forms, err);
    bnf_eval_free(&eval[0]);
    bnf_eval_free(&eval[1]);
    return status;
}
