/* Any bytes as a model that is folded, proved and written as the program does it: to standard output, or in a folder where
 * weights may lie in side files, which must not hold anything else afterwards. A fold that its own proof refutes is
 * a finding where the model can be run (unless ALLOW_REFUTED is in the environment), and there, too, one that changes when
 * it is folded once more. */
#define _GNU_SOURCE
#include "fuzz/fuzz.h"

#include "bnfold.h"
#include "base/mem.h"
#include "check/run.h"
#include "graph/graph.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIFFERENT = 1 };

/* Do the graph's outputs follow from all of its nodes? Positions are topological. */
static bool needs_all(struct bnf_model *model)
{
    struct bnf_graph graph;
    if (bnf_graph_build(&graph, model, NULL))
        return false;
    const struct bnf_scope *main = &graph.scopes[0];
    bool all = true, *needed = bnf_alloc(graph.value_count, sizeof *needed);
    for (size_t i = 0; needed && i < main->output_count; i++)
        needed[main->outputs[i]] = true;
    for (bnf_id use = 0; needed && use < graph.use_count; use++)
        if (graph.uses[use].value != BNF_NONE && graph.nodes[graph.uses[use].node].scope != 0)
            needed[graph.uses[use].value] = true; /* by a body, which is as good as its node */
    for (size_t i = main->order_count; needed && i-- > 0;) {
        bnf_id node = main->order[i];
        bool is_needed = false;
        for (uint32_t slot = 0; slot < graph.nodes[node].output_count; slot++)
            is_needed |= bnf_node_output(&graph, node, slot) != BNF_NONE && needed[bnf_node_output(&graph, node, slot)];
        for (uint32_t slot = 0; is_needed && slot < graph.nodes[node].input_count; slot++)
            if (bnf_node_input(&graph, node, slot) != BNF_NONE)
                needed[bnf_node_input(&graph, node, slot)] = true;
        all = all && is_needed;
    }
    all = all && needed;
    bnf_free(needed);
    bnf_graph_free(&graph);
    return all;
}

/* A model that no evaluator takes has no function that a fold could change: its shapes or types contradict each other.
 * Nor does a run say anything of nodes that no output needs. */
static bool can_be_run(const char *path)
{
    const struct bnf_run_options options = {.samples = 1, .threads = 1, .memory = 64 << 20, .work = 3e7};
    struct bnf_model models[2] = {0};
    struct bnf_run run = {0};
    bool runs = false;
    if (!bnf_model_load(&models[0], path, NULL) && !bnf_model_load(&models[1], path, NULL) && needs_all(&models[0]) &&
        !bnf_run_compare(&models[0], &models[1], &options, &run, NULL)) {
        runs = run.verdict != BNF_RUN_INCONCLUSIVE;
        bnf_run_free(&run);
    }
    for (int i = 0; i < 2; i++)
        bnf_model_close(&models[i]);
    return runs;
}

/* Folds to standard output, which is a memory file meanwhile. False when there is no output. */
static bool fold(const struct fuzz_file *input, const struct bnfold_options *options, struct fuzz_file *out)
{
    struct bnfold_report *report = NULL;
    struct bnfold_error error = {.text = ""};
    *out = fuzz_file(NULL, 0);
    int keep = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (dup2(out->descriptor, STDOUT_FILENO) < 0)
        bnf_bug("no standard output");
    int status = bnfold_fold(input->path, "-", options, &report, &error);
    if (keep >= 0) {
        dup2(keep, STDOUT_FILENO);
        close(keep);
    } else {
        close(STDOUT_FILENO);
    }
    if (status) {
        fuzz_failure(status, error.text);
        close(out->descriptor);
        return false;
    }
    int verdict = fuzz_print(report);
    if (verdict == DIFFERENT && !(getenv("ALLOW_REFUTED") && *getenv("ALLOW_REFUTED")) && can_be_run(input->path))
        bnf_bug("a fold that its own proof refutes");
    if (verdict == 0)
        return true;
    close(out->descriptor);
    return false;
}

static char folder[] = "/tmp/bnfold-fuzz.XXXXXX";
static const char *const files[] = {"m.onnx", "w.bin", "o.onnx", "o.onnx.data", "p.onnx", "p.onnx.data"};
enum { path_room = 64, side_file = 1024 };

static const char *in_folder(char *path, const char *name)
{
    snprintf(path, path_room, "%s/%s", folder, name);
    return path;
}

static void clear(void)
{
    char path[path_room];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlink(in_folder(path, files[i]));
}

static void leave(void)
{
    clear();
    rmdir(folder);
}

static void put(const char *name, const void *bytes, size_t size)
{
    char path[path_room];
    FILE *file = fopen(in_folder(path, name), "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        bnf_bug("no file in the folder");
}

/* How many files the folder has; another than those that may be there is a finding. */
static size_t files_there(void)
{
    DIR *all = opendir(folder);
    size_t count = 0;
    for (struct dirent *entry; all && (entry = readdir(all));) {
        bool known = entry->d_name[0] == '.' && strchr("./", entry->d_name[1] ? entry->d_name[1] : '/');
        count += !known;
        for (size_t i = 0; i < sizeof files / sizeof *files; i++)
            known = known || strcmp(entry->d_name, files[i]) == 0;
        if (!known)
            bnf_bug("a file that is left behind");
    }
    if (all)
        closedir(all);
    return count;
}

/* Folds one file of the folder to another. True when the output is there. */
static bool fold_in_folder(const char *from, const char *to, const struct bnfold_options *options)
{
    char input[path_room], output[path_room];
    struct bnfold_report *report = NULL;
    struct bnfold_error error = {.text = ""};
    size_t before = files_there();
    int status = bnfold_fold(in_folder(input, from), in_folder(output, to), options, &report, &error);
    int verdict = status ? status : fuzz_print(report);
    if (status)
        fuzz_failure(status, error.text);
    if (verdict == DIFFERENT && !(getenv("ALLOW_REFUTED") && *getenv("ALLOW_REFUTED")) && can_be_run(input))
        bnf_bug("a fold that its own proof refutes");
    if (verdict != 0 && files_there() != before)
        bnf_bug("a failure that leaves a file");
    return verdict == 0;
}

static void fold_with_side_files(const uint8_t *data, size_t size)
{
    static const struct bnfold_options outside = {
        .check = BNFOLD_CHECK_PROOF, .threads = 1, .external = BNFOLD_EXTERNAL_ALWAYS, .external_threshold = 1};
    static const struct bnfold_options automatic = {.check = BNFOLD_CHECK_PROOF, .threads = 1, .external_threshold = 16};
    static bool is_made;
    float weights[side_file / sizeof(float)];
    if (!is_made && (!mkdtemp(folder) || atexit(leave)))
        bnf_bug("no folder");
    is_made = true;
    clear();
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        weights[i] = 0.25f * (float)(i % 13) - 1;
    put("m.onnx", data, size);
    put("w.bin", weights, sizeof weights);
    const struct bnfold_options *options = bnf_hash(data, size) & 8 ? &outside : &automatic;
    if (fold_in_folder("m.onnx", "o.onnx", options))
        (void)fold_in_folder("o.onnx", "p.onnx", options);
    (void)files_there();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bnfold_options all[] = {
        {.check = BNFOLD_CHECK_PROOF, .threads = 1},
        {.check = BNFOLD_CHECK_PROOF, .threads = 1, .assume_inference = true, .leftover = BNFOLD_LEFTOVER_CONV},
        {.check = BNFOLD_CHECK_PROOF, .threads = 1, .keep_overridable = true, .leftover = BNFOLD_LEFTOVER_MUL_ADD},
        {.check = BNFOLD_CHECK_PROOF, .threads = 1, .leftover = BNFOLD_LEFTOVER_KEEP},
    };
    if (bnf_hash(data, size) % 8 == 7) {
        fold_with_side_files(data, size);
        return 0;
    }
    struct fuzz_file input = fuzz_file(data, size), first, second;
    /* The bytes choose, so that a saved input shows what it showed before. */
    const struct bnfold_options *options = &all[bnf_hash(data, size) % 8 % (sizeof all / sizeof *all)];
    if (fold(&input, options, &first)) {
        if (fold(&first, options, &second)) {
            if (!fuzz_same(&first, &second) && can_be_run(input.path))
                bnf_bug("a fold that changes when it is folded again");
            close(second.descriptor);
        }
        close(first.descriptor);
    }
    close(input.descriptor);
    return 0;
}
