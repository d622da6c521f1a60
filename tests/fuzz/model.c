/* Any bytes as a model: load, save, build, infer. What was saved loads again, and saves as the same bytes. */
#include "fuzz/fuzz.h"

#include "graph/shapes.h"

#include <unistd.h>

static void build(struct bnf_model *model)
{
    struct bnf_graph graph = {0};
    struct bnf_err err = {0};
    int status = model->proto->graph ? bnf_graph_build(&graph, model, &err) : BNF_OK;
    if (!status && model->proto->graph)
        status = bnf_shapes_infer(&graph, &err);
    if (status)
        fuzz_failure(status, err.text);
    bnf_graph_free(&graph);
}

static void save_twice(const struct bnf_model *model, enum bnf_format format)
{
    struct bnf_model again = {0};
    struct bnf_err err = {0};
    struct fuzz_file first, second;
    if (!fuzz_save(model, format, &first))
        return;
    int status = bnf_model_load(&again, first.path, &err);
    /* Saving packs what came unpacked, so the limit, which goes by the file's size, may now be lower. */
    if (status && status != BNF_ELIMIT)
        bnf_bug(err.text);
    if (!status && again.format != format)
        bnf_bug("a saved model is taken for another format");
    if (!status && fuzz_save(&again, format, &second)) {
        if (!fuzz_same(&first, &second))
            bnf_bug("a model that is loaded and saved changes");
        close(second.descriptor);
    }
    bnf_model_close(&again);
    close(first.descriptor);
}

void fuzz_model(const uint8_t *data, size_t size)
{
    struct bnf_model model = {0};
    struct bnf_err err = {0};
    struct fuzz_file input = fuzz_file(data, size);
    int status = bnf_model_load(&model, input.path, &err);
    if (status) {
        fuzz_failure(status, err.text);
    } else {
        save_twice(&model, BNF_FORMAT_ONNX);
        save_twice(&model, BNF_FORMAT_JSON);
        build(&model);
    }
    bnf_model_close(&model);
    close(input.descriptor);
}
