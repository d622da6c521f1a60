#define _POSIX_C_SOURCE 200809L
#include "check/feeds.h"

#include "eval/feed.h"
#include "onnx/data_pb.h"
#include "onnx/npz.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A batch is run in pieces of about this many numbers, so that the activations stay within memory. */
#define PIECE_NUMBERS ((size_t)4 << 20)

static const char labels_name[] = "labels";

/* ---- finding the files ---- */

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), tail = strlen(end);
    return length > tail && strcmp(name + length - tail, end) == 0;
}

/* By name, test_data_set_10 behind test_data_set_9. */
static int compare_names(const void *a, const void *b)
{
    const char *one = *(const char *const *)a, *other = *(const char *const *)b;
    size_t left = strlen(one), right = strlen(other);
    bool sets = strncmp(one, "test_data_set_", 14) == 0 && strncmp(other, "test_data_set_", 14) == 0;
    return sets && left != right ? (left < right ? -1 : 1) : strcmp(one, other);
}

static bool is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* What a folder holds: names of entries that count, sorted. */
struct listing {
    const char **names;
    size_t count, capacity;
    bool sets, pb;
};

static int list(struct bnf_feeds *feeds, struct listing *l, struct bnf_err *err)
{
    DIR *directory = opendir(feeds->options->data);
    if (!directory)
        return bnf_fail(err, BNF_EIO, "cannot read the folder '%.200s'", feeds->options->data);
    int status = BNF_OK;
    for (struct dirent *entry; !status && (entry = readdir(directory));) {
        const char *name = entry->d_name;
        l->pb |= strcmp(name, "input_0.pb") == 0;
        bool set = strncmp(name, "test_data_set_", 14) == 0;
        if (!set && !ends_with(name, ".npz") && !ends_with(name, ".npy"))
            continue;
        l->sets |= set;
        if (!bnf_reserve(&l->names, &l->capacity, l->count + 1, sizeof *l->names) ||
            !(l->names[l->count] = bnf_arena_copy(&feeds->arena, name, strlen(name))))
            status = bnf_fail_memory(err);
        l->count += !status;
    }
    closedir(directory);
    if (!status && l->count)
        qsort(l->names, l->count, sizeof *l->names, compare_names);
    return status;
}

static int add_file(
    struct bnf_feeds *feeds, const char *folder, const char *name, bool is_folder, struct bnf_err *err)
{
    const char *path = folder ? bnf_arena_format(&feeds->arena, "%s/%s", folder, name) : name;
    if (!path)
        return bnf_fail_memory(err);
    feeds->files[feeds->file_count++] =
        (struct bnf_feed_file){.path = path, .is_folder = is_folder, .slices = 1};
    return BNF_OK;
}

static int find_files(struct bnf_feeds *feeds, struct bnf_err *err)
{
    const char *data = feeds->options->data;
    struct listing l = {0};
    int status = BNF_OK;
    if (is_directory(data))
        status = list(feeds, &l, err);
    feeds->files = bnf_arena_alloc(&feeds->arena, l.count + 1, sizeof *feeds->files);
    if (!status && !feeds->files)
        status = bnf_fail_memory(err);
    if (!status && (!is_directory(data) || l.pb))
        status = add_file(feeds, NULL, data, l.pb, err);
    for (size_t i = 0; i < l.count && !status && !l.pb; i++) {
        bool set = strncmp(l.names[i], "test_data_set_", 14) == 0;
        if (set == l.sets)
            status = add_file(feeds, data, l.names[i], set, err);
    }
    bnf_free(l.names);
    if (!status && feeds->file_count == 0)
        status = bnf_fail(err, BNF_EINPUT,
            "the folder '%.200s' holds no data: no .npz, .npy, input_0.pb or test_data_set_0", data);
    return status;
}

/* ---- arrays of NumPy's files ---- */

/* The array for an input is the one of its name, or, if the model has one input only, the only one that is no label. */
static void choose(void *context, const struct bnf_names *names, bool *wanted)
{
    struct bnf_feeds *feeds = context;
    feeds->labels = bnf_names_find(names, labels_name);
    for (size_t i = 0; i < feeds->count; i++)
        feeds->given[i] = bnf_names_find(names, feeds->inputs[i].name);
    bool has_labels = feeds->labels != BNF_NONE;
    if (feeds->count == 1 && feeds->given[0] == BNF_NONE && names->count == (size_t)has_labels + 1)
        feeds->given[0] = has_labels && feeds->labels == 0 ? 1 : 0;
    for (size_t i = 0; i < feeds->count; i++)
        if (feeds->given[i] != BNF_NONE)
            wanted[feeds->given[i]] = true;
    if (has_labels)
        wanted[feeds->labels] = true;
}

static int load_file(struct bnf_feeds *feeds, size_t index, struct bnf_err *err)
{
    if (feeds->loaded == index)
        return BNF_OK;
    bnf_arena_free(&feeds->loaded_arena);
    feeds->loaded = SIZE_MAX;
    feeds->labels = BNF_NONE;
    for (size_t i = 0; i < feeds->count; i++)
        feeds->given[i] = feeds->count == 1 ? 0 : BNF_NONE; /* as of a .npy, which has one array without name */
    const struct bnf_npz_choice choice = {.choose = choose, .context = feeds};
    int status = bnf_npz_load(feeds->files[index].path, &choice, &feeds->loaded_arena, &feeds->loaded_tensors,
        &feeds->loaded_count, err);
    if (!status)
        feeds->loaded = index;
    return status;
}

/* The array for an input; NULL: there is none. */
static const struct bnf_named_tensor *tensor_for(const struct bnf_feeds *feeds, size_t input)
{
    return feeds->given[input] == BNF_NONE ? NULL : &feeds->loaded_tensors[feeds->given[input]];
}

static int missing(
    struct bnf_feeds *feeds, const char *path, const struct bnf_feed_input *input, struct bnf_err *err)
{
    char known[400] = "";
    size_t used = 0;
    for (size_t i = 0; i < feeds->loaded_count && used + 80 < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s'%.60s'", i ? ", " : "",
            feeds->loaded_tensors[i].name ? feeds->loaded_tensors[i].name : "");
    return bnf_fail(err, BNF_EINPUT, "'%.200s' has no array '%.100s', there are %s", path, input->name,
        used ? known : "none");
}

static bool is_integer(int dtype)
{
    return !bnf_dtype_is_float(dtype) && dtype != BNF_DTYPE_STRING && dtype != BNF_DTYPE_BOOL;
}

/* Does the array fit the input, but for its first extent? */
static int check_form(const struct bnf_feeds *feeds, const char *path, const struct bnf_feed_input *input,
    const struct bnf_named_tensor *given, struct bnf_err *err)
{
    const struct bnf_shape *shape = &feeds->graph->values[input->value].shape;
    const struct bnf_tensor *t = &given->tensor;
    char dims[128], wanted[128] = "";
    bool convertible = shape->dtype == t->dtype || shape->dtype == 0 ||
                       (bnf_dtype_is_float(shape->dtype) && bnf_dtype_is_float(t->dtype)) ||
                       (is_integer(shape->dtype) && is_integer(t->dtype));
    if (!convertible)
        return bnf_fail(err, BNF_EINPUT,
            "'%.200s': the array for input '%.100s' is of type %s, allowed is %s", path, input->name,
            bnf_dtype_name(t->dtype), bnf_dtype_name(shape->dtype));
    bool fits = shape->rank < 0 || shape->rank == (int)t->rank;
    for (int axis = 1; fits && axis < shape->rank; axis++)
        fits = shape->dims[axis] < 0 || shape->dims[axis] == t->dims[axis];
    if (fits)
        return BNF_OK;
    size_t used = 0;
    for (int axis = 0; axis < shape->rank && used + 24 < sizeof wanted; axis++)
        used += shape->dims[axis] < 0
                    ? (size_t)snprintf(wanted + used, sizeof wanted - used, "%s?", axis ? "x" : "")
                    : (size_t)snprintf(wanted + used, sizeof wanted - used, "%s%" PRId64, axis ? "x" : "",
                          shape->dims[axis]);
    return bnf_fail(err, BNF_EINPUT, "'%.200s': the array for input '%.100s' is %s, allowed is %s", path,
        input->name, bnf_dims_text(t->dims, t->rank, dims, sizeof dims), used ? wanted : "()");
}

/* Into how many pieces the file's batch is cut: by the model's own batch where that is a number, else by
 * size. All inputs are cut alike, so each has to have a first extent that is their common batch. */
static int cut(struct bnf_feeds *feeds, size_t index, struct bnf_err *err)
{
    struct bnf_feed_file *file = &feeds->files[index];
    int status = load_file(feeds, index, err);
    size_t numbers = 1;
    bool common = feeds->count > 0;
    int64_t fixed = 0, rows = -1;
    for (size_t i = 0; i < feeds->count && !status; i++) {
        const struct bnf_feed_input *input = &feeds->inputs[i];
        const struct bnf_shape *shape = &feeds->graph->values[input->value].shape;
        const struct bnf_named_tensor *given = tensor_for(feeds, i);
        status =
            given ? check_form(feeds, file->path, input, given, err) : missing(feeds, file->path, input, err);
        if (status || given->tensor.rank == 0) {
            common = false;
            continue;
        }
        int64_t here = given->tensor.dims[0], stated = shape->rank > 0 ? shape->dims[0] : -1;
        common = common && here > 0 && (i == 0 || (rows == here && (fixed > 0) == (stated > 0)));
        if (stated >= 0 && stated != here && (stated == 0 || here % stated || here == 0 || (i && !common)))
            status = bnf_fail(err, BNF_EINPUT,
                "'%.200s': the array for input '%.100s' has %" PRId64
                " rows, allowed are multiples of %" PRId64,
                file->path, input->name, here, stated);
        rows = here;
        fixed = stated > 0 ? stated : 0;
        numbers = here > 0 && given->tensor.count / (size_t)here > numbers
                      ? given->tensor.count / (size_t)here
                      : numbers;
    }
    if (status || !common)
        return status;
    size_t by_size = PIECE_NUMBERS / numbers ? PIECE_NUMBERS / numbers : 1;
    file->rows = (size_t)rows;
    file->piece = fixed ? (size_t)fixed : by_size < file->rows ? by_size : file->rows;
    file->slices = (file->rows + file->piece - 1) / file->piece;
    return BNF_OK;
}

int bnf_feeds_open_data(struct bnf_feeds *feeds, struct bnf_err *err)
{
    feeds->given = bnf_arena_alloc(&feeds->arena, feeds->count, sizeof *feeds->given);
    int status = feeds->given ? find_files(feeds, err) : bnf_fail_memory(err);
    size_t samples = 0;
    for (size_t i = 0; i < feeds->file_count && !status; i++) {
        if (!feeds->files[i].is_folder)
            status = cut(feeds, i, err);
        feeds->files[i].first = samples;
        samples += feeds->files[i].slices;
        feeds->rows += feeds->files[i].rows ? feeds->files[i].rows : 1;
    }
    if (!feeds->options->samples || samples <= feeds->options->samples)
        feeds->samples = samples;
    else
        feeds->rows = feeds->samples;
    return status;
}

static size_t file_of(const struct bnf_feeds *feeds, size_t sample)
{
    size_t index = 0;
    while (index + 1 < feeds->file_count && sample >= feeds->files[index + 1].first)
        index++;
    return index;
}

/* Rows first … first+count-1 of a sample's batch. */
static size_t rows_of(const struct bnf_feed_file *file, size_t sample, size_t *count)
{
    size_t first = (sample - file->first) * file->piece;
    *count = file->rows - first < file->piece ? file->rows - first : file->piece;
    return first;
}

/* The same numbers as another type of the same kind. */
static struct bnf_array *convert(struct bnf_budget *budget, struct bnf_array *from, int dtype)
{
    struct bnf_array *to = bnf_array_new(budget, dtype, from->precision, from->rank, from->dims);
    for (size_t i = 0; to && i < to->count; i++) {
        if (to->kind == BNF_KIND_INT) {
            ((int64_t *)to->data)[i] = bnf_int_wrap(dtype, ((const int64_t *)from->data)[i]);
            continue;
        }
        double x = bnf_round(dtype, bnf_array_at(from, i));
        if (to->precision == BNF_PRECISION_FLOAT)
            ((float *)to->data)[i] = (float)x;
        else
            ((double *)to->data)[i] = x;
    }
    bnf_array_drop(budget, from);
    return to;
}

static int load_arrays(struct bnf_feeds *feeds, size_t index, size_t sample, enum bnf_precision precision,
    struct bnf_budget *budget, struct bnf_array **arrays, struct bnf_err *err)
{
    const struct bnf_feed_file *file = &feeds->files[index];
    int status = load_file(feeds, index, err);
    for (size_t i = 0; i < feeds->count && !status; i++) {
        const struct bnf_feed_input *input = &feeds->inputs[i];
        const struct bnf_named_tensor *given = tensor_for(feeds, i);
        int dtype = feeds->graph->values[input->value].shape.dtype;
        if (!given)
            return missing(feeds, file->path, input, err);
        struct bnf_tensor t = given->tensor;
        int64_t dims[bnf_most_rank];
        if (t.rank > bnf_most_rank)
            return bnf_fail(
                err, BNF_EINPUT, "'%.200s': rank %u is above %d", file->path, t.rank, bnf_most_rank);
        if (file->slices > 1) {
            size_t rows, first = rows_of(file, sample, &rows), row = t.count / file->rows;
            size_t width = bnf_dtype_bits(t.dtype) / 8;
            memcpy(dims, t.dims, t.rank * sizeof *dims);
            dims[0] = (int64_t)rows;
            t.dims = dims;
            t.count = rows * row;
            t.bytes = t.count * width;
            t.data += first * row * width;
        }
        struct bnf_array *array = bnf_array_from_tensor(budget, &t, precision);
        if (array && dtype && array->dtype != dtype)
            array = convert(budget, array, dtype);
        if (!array)
            return bnf_fail_memory(err);
        arrays[input->position] = array;
    }
    return status;
}

/* ---- ONNX's test data ---- */

static int load_value(struct bnf_feeds *feeds, const char *path, const Onnx__ValueInfoProto *info,
    enum bnf_precision precision, struct bnf_budget *budget, struct bnf_array **out, struct bnf_err *err)
{
    struct bnf_data data;
    int status = bnf_data_load(path, info->type, &feeds->loaded_arena, &data, err);
    if (!status)
        status = bnf_feed_array(budget, &data, precision, &feeds->loaded_arena, out, err);
    if (status > 0)
        status = bnf_fail(err, BNF_EINPUT, "cannot use '%.200s': its type is not supported", path);
    return status;
}

static int load_folder(struct bnf_feeds *feeds, size_t index, enum bnf_precision precision,
    struct bnf_budget *budget, struct bnf_array **arrays, struct bnf_err *err)
{
    bnf_arena_free(&feeds->loaded_arena);
    feeds->loaded = SIZE_MAX;
    int status = BNF_OK;
    for (size_t i = 0; i < feeds->count && !status; i++) {
        const struct bnf_feed_input *input = &feeds->inputs[i];
        const char *path =
            bnf_arena_format(&feeds->loaded_arena, "%s/input_%zu.pb", feeds->files[index].path, i);
        const Onnx__ValueInfoProto *info = feeds->graph->scopes[0].graph->input[input->position];
        status = path ? load_value(feeds, path, info, precision, budget, &arrays[input->position], err)
                      : bnf_fail_memory(err);
    }
    return status;
}

int bnf_feeds_expected(struct bnf_feeds *feeds, size_t sample, size_t output, enum bnf_precision precision,
    struct bnf_budget *budget, struct bnf_array **out, struct bnf_err *err)
{
    *out = NULL;
    if (feeds->seeded || !feeds->files[file_of(feeds, sample)].is_folder)
        return BNF_OK;
    const char *path = bnf_arena_format(
        &feeds->loaded_arena, "%s/output_%zu.pb", feeds->files[file_of(feeds, sample)].path, output);
    struct stat info;
    if (!path)
        return bnf_fail_memory(err);
    if (stat(path, &info) != 0)
        return BNF_OK;
    return load_value(
        feeds, path, feeds->graph->scopes[0].graph->output[output], precision, budget, out, err);
}

/* ---- samples ---- */

int bnf_feeds_load(struct bnf_feeds *feeds, size_t sample, enum bnf_precision precision,
    struct bnf_budget *budget, struct bnf_array **arrays, struct bnf_err *err)
{
    size_t index = file_of(feeds, sample);
    int status = feeds->files[index].is_folder
                     ? load_folder(feeds, index, precision, budget, arrays, err)
                     : load_arrays(feeds, index, sample, precision, budget, arrays, err);
    for (size_t i = 0; status && i < feeds->graph->scopes[0].input_count; i++) {
        bnf_array_drop(budget, arrays[i]);
        arrays[i] = NULL;
    }
    return status;
}

const struct bnf_tensor *bnf_feeds_labels(struct bnf_feeds *feeds, size_t sample, size_t rows, size_t *first)
{
    if (feeds->seeded)
        return NULL;
    size_t index = file_of(feeds, sample), count = rows;
    const struct bnf_feed_file *file = &feeds->files[index];
    *first = 0;
    if (file->is_folder || feeds->loaded != index)
        return NULL;
    if (file->slices > 1)
        *first = rows_of(file, sample, &count);
    if (feeds->labels == BNF_NONE)
        return NULL;
    const struct bnf_tensor *labels = &feeds->loaded_tensors[feeds->labels].tensor;
    return is_integer(labels->dtype) && count == rows && *first + rows <= labels->count ? labels : NULL;
}
