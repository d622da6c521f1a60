#define _GNU_SOURCE
#include "output.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "onnx/external.h"
#include "onnx/save_side.h"
#include "onnx/visit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_stream(const char *path)
{
    return strcmp(path, "-") == 0;
}

enum bnf_format bnf_output_format(const char *path, enum bnf_format input)
{
    static const char suffix[] = ".json";
    size_t length = strlen(path), end = sizeof suffix - 1;
    if (is_stream(path))
        return input;
    return length >= end && strcasecmp(path + length - end, suffix) == 0 ? BNF_FORMAT_JSON : BNF_FORMAT_ONNX;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The length of a path's directory part, slash included; 0 when it has none. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* A side file next to the input, which must not be the output. */
struct neighbour {
    const char *input_path, *path;
    struct stat output;
};

static int spare_side_file(void *context, Onnx__TensorProto *tensor, struct bnf_err *err)
{
    const struct neighbour *neighbour = context;
    struct bnf_external_range range;
    if (!bnf_external_is(tensor) || bnf_external_parse(tensor, &range, NULL))
        return BNF_OK;
    size_t folder = folder_length(neighbour->input_path), room = folder + strlen(range.location) + 1;
    char *side = bnf_alloc(room, 1);
    if (!side)
        return bnf_fail_memory(err);
    snprintf(side, room, "%.*s%s", (int)folder, neighbour->input_path, range.location);
    struct stat st;
    bool same = stat(side, &st) == 0 && same_file(&st, &neighbour->output);
    bnf_free(side);
    return same ? bnf_fail(err, BNF_EUSAGE, "'%s' holds weights of the input", neighbour->path) : BNF_OK;
}

int bnf_output_spare_input(
    const char *path, const char *input_path, struct bnf_model *input, const char *way_out, struct bnf_err *err)
{
    struct neighbour neighbour = {.input_path = input_path, .path = path};
    if (is_stream(path) || stat(path, &neighbour.output) != 0)
        return BNF_OK;
    struct stat in;
    bool is_input = is_stream(input_path) ? fstat(STDIN_FILENO, &in) == 0 && same_file(&in, &neighbour.output)
                                          : bnf_map_is(&input->map, path);
    if (is_input && way_out)
        return bnf_fail(err, BNF_EUSAGE, "'%s' is the input%s", path, way_out);
    if (is_stream(input_path))
        return BNF_OK;
    int status = bnf_visit_tensors(input->proto, spare_side_file, &neighbour, err);
    if (status == BNF_EUSAGE) /* without the place where the tensor hangs, which says nothing here */
        return bnf_fail(err, BNF_EUSAGE, "'%s' holds weights of the input '%s'", path, input_path);
    return status;
}

bool bnf_output_is_elsewhere(const char *path, const char *input_path)
{
    if (is_stream(path) || is_stream(input_path))
        return true;
    const char *paths[2] = {path, input_path};
    struct stat folders[2];
    for (int i = 0; i < 2; i++) {
        size_t length = folder_length(paths[i]);
        char *folder = bnf_alloc(length + 2, 1);
        if (!folder)
            return true;
        memcpy(folder, length ? paths[i] : ".", length ? length : 1);
        int status = stat(folder, &folders[i]);
        bnf_free(folder);
        if (status != 0)
            return true;
    }
    return !same_file(&folders[0], &folders[1]);
}

static int find_external(void *context, Onnx__TensorProto *tensor, struct bnf_err *err)
{
    (void)err;
    bool *found = context;
    *found = *found || bnf_external_is(tensor);
    return BNF_OK;
}

bool bnf_has_external(struct bnf_model *model)
{
    bool found = false;
    (void)bnf_visit_tensors(model->proto, find_external, &found, NULL);
    return found;
}

/* The side file that goes with an output. */
static char *side_of(const char *path)
{
    size_t room = strlen(path) + sizeof ".data";
    char *side = bnf_alloc(room, 1);
    if (side)
        snprintf(side, room, "%s.data", path);
    return side;
}

/* The name by which the model knows it. */
static const char *location_of(const char *side)
{
    return side + folder_length(side);
}

/* Models keep their strings as UTF-8. */
static bool is_text(const char *name)
{
    for (size_t length; *name; name += length)
        if (!(length = bnf_utf8_length(name, strlen(name))))
            return false;
    return true;
}

int bnf_output_side_is_taken(
    const char *path, const char *input_path, struct bnf_model *input, bool *taken, struct bnf_err *err)
{
    *taken = false;
    if (is_stream(path))
        return BNF_OK;
    char *side = side_of(path);
    struct bnf_err why = {0};
    int status = side ? bnf_output_spare_input(side, input_path, input, "", &why) : bnf_fail_memory(&why);
    bnf_free(side);
    *taken = status == BNF_EUSAGE;
    return status && !*taken ? bnf_fail(err, status, "%s", why.text) : BNF_OK;
}

/* May weights go there? */
static int check_side(struct bnf_output *output, bool is_taken, struct bnf_err *err)
{
    const char *side = output->side_path;
    struct stat st;
    if (!is_text(location_of(side)))
        return bnf_fail(err, BNF_EUSAGE, "weights go to '%s', but a model cannot name what is not UTF-8", side);
    if (lstat(side, &st) == 0 && S_ISLNK(st.st_mode))
        return bnf_fail(err, BNF_EUSAGE, "weights go to '%s', a symbolic link, which is not followed", side);
    if (is_taken)
        return bnf_fail(err, BNF_EUSAGE,
            "weights go to '%s', which the input needs; choose another output, or --external-data=never", side);
    return BNF_OK;
}

static bool wants_side(const struct bnf_output *output, const struct bnf_model *model, const struct bnf_placing *placing)
{
    switch (placing->weights) {
    case BNF_WEIGHTS_INSIDE:
        return false;
    case BNF_WEIGHTS_OUTSIDE:
        return true;
    case BNF_WEIGHTS_AUTO:
        break;
    }
    if (output->is_stream)
        return false;
    return placing->came_external || (placing->format == BNF_FORMAT_ONNX && !bnf_save_pb_fits(model));
}

int bnf_output_place(struct bnf_output *output, struct bnf_model *model, const struct bnf_placing *placing,
    uint64_t *bytes, struct bnf_err *err)
{
    *bytes = 0;
    if (!wants_side(output, model, placing))
        return bnf_visit_tensors(model->proto, bnf_side_embed, model, err);
    if (output->is_stream)
        return bnf_fail(err, BNF_EUSAGE, "external data needs an output that is a file, not standard output");
    output->side_path = side_of(placing->path);
    if (!output->side_path)
        return bnf_fail_memory(err);
    size_t threshold = placing->threshold ? placing->threshold : BNF_SIDE_THRESHOLD;
    struct bnf_layout layout = {0};
    int status = check_side(output, placing->side_is_taken, err);
    if (!status)
        status = bnf_side_layout(model, location_of(output->side_path), threshold, &layout, err);
    if (!status && layout.size) {
        status = bnf_out_open(&output->side, output->side_path, err);
        output->has_side = !status;
        if (!status)
            status = bnf_layout_write(&layout, &output->side, placing->threads, err);
        *bytes = layout.size;
    }
    bnf_layout_free(&layout);
    return status;
}

int bnf_output_reopen(const struct bnf_output *output, const char *path, struct bnf_model *model, struct bnf_err *err)
{
    int status = bnf_model_load_descriptor(model, output->file.descriptor, path, err);
    if (!status && output->has_side)
        status = bnf_external_preset(model, location_of(output->side_path), output->side.descriptor, err);
    return status;
}

/* An unlinked file that collects what will go to standard output. */
static int open_stream(struct bnf_output *output, struct bnf_err *err)
{
    static const char name[] = "standard output";
    FILE *file = tmpfile();
    int descriptor = file ? fcntl(fileno(file), F_DUPFD_CLOEXEC, 0) : -1;
    int reason = errno;
    if (file)
        fclose(file);
    if (descriptor < 0)
        return bnf_fail(
            err, BNF_EIO, "cannot make a temporary file for standard output: %s", strerror(reason));
    output->file.descriptor = descriptor;
    output->file.path = bnf_alloc(sizeof name, 1);
    if (!output->file.path)
        return bnf_fail_memory(err);
    memcpy(output->file.path, name, sizeof name);
    output->is_stream = true;
    return BNF_OK;
}

int bnf_output_open(struct bnf_output *output, const char *path, struct bnf_err *err)
{
    *output = (struct bnf_output){.file.descriptor = -1};
    int status = is_stream(path) ? open_stream(output, err) : bnf_out_open(&output->file, path, err);
    if (status)
        bnf_output_discard(output);
    return status;
}

static int commit_stream(struct bnf_output *output, struct bnf_err *err)
{
    struct bnf_map map;
    int status = bnf_map_descriptor(&map, output->file.descriptor, output->file.path, err);
    if (!status)
        status = bnf_write_all(STDOUT_FILENO, map.data, map.size, output->file.path, err);
    if (!status)
        status = bnf_write_end(STDOUT_FILENO, output->file.path, err);
    bnf_map_close(&map);
    bnf_output_discard(output);
    return status;
}

int bnf_output_commit(struct bnf_output *output, bool flush, struct bnf_err *err)
{
    if (output->is_stream)
        return commit_stream(output, err);
    struct bnf_out *both[] = {&output->side, &output->file};
    int status = output->has_side ? bnf_outs_commit(both, 2, flush, err) : bnf_out_commit(&output->file, flush, err);
    bnf_output_discard(output);
    return status;
}

void bnf_output_discard(struct bnf_output *output)
{
    if (output->has_side)
        bnf_out_discard(&output->side);
    bnf_free(output->side_path);
    output->side_path = NULL;
    output->has_side = false;
    bnf_out_discard(&output->file);
}
