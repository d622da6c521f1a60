/* Operators that move elements, resize, and sample: each form on a few elements, in float and in double.
 * Numbers are chosen so that both arms hold the results exactly. */
#include "eval/eval.h"
#include "eval/operator.h"
#include "graph/shapes.h"
#include "support/movecases.h"
#include "support/notation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { most_slots = 8, text_room = 4096 };

/* The last node of a model, whose inputs are initializers. */
struct run {
    struct bnf_model model;
    struct bnf_graph graph;
    struct bnf_eval eval; /* for its arena and budget only */
    struct bnf_arena arena;
    struct bnf_err err;
    struct bnf_array *in[most_slots], *out[most_slots];
    size_t out_count;
    int status;
};

static struct bnf_array *input(struct run *r, const char *name, enum bnf_precision precision)
{
    const Onnx__GraphProto *g = r->model.proto->graph;
    for (size_t i = 0; i < g->n_initializer; i++) {
        struct bnf_tensor tensor;
        if (strcmp(g->initializer[i]->name, name) != 0)
            continue;
        assert_int_equal(bnf_tensor_view(&r->model, g->initializer[i], &tensor, &r->err), BNF_OK);
        return bnf_array_from_tensor(&r->eval.budget, &tensor, precision);
    }
    return NULL;
}

static void run(struct run *r, const char *text, enum bnf_precision precision, unsigned threads)
{
    bool wanted[most_slots];
    memset(r, 0, sizeof *r);
    memset(wanted, true, sizeof wanted);
    notation_read(&r->model, text);
    assert_int_equal(bnf_graph_build(&r->graph, &r->model, &r->err), BNF_OK);
    bnf_arena_init(&r->eval.arena, 0);
    bnf_arena_init(&r->arena, 0);
    bnf_id node = (bnf_id)r->graph.node_count - 1;
    const Onnx__NodeProto *proto = r->graph.nodes[node].proto;
    assert_true(proto->n_input <= most_slots && proto->n_output <= most_slots);
    r->out_count = proto->n_output;
    for (size_t i = 0; i < proto->n_input; i++)
        r->in[i] = input(r, proto->input[i], precision);
    struct bnf_call call = {.eval = &r->eval,
        .budget = &r->eval.budget,
        .arena = &r->arena,
        .graph = &r->graph,
        .node = node,
        .proto = proto,
        .opset = bnf_node_opset(&r->graph, node),
        .precision = precision,
        .threads = threads,
        .input_count = proto->n_input,
        .output_count = proto->n_output,
        .in = r->in,
        .out = r->out,
        .wanted = wanted,
        .err = &r->err};
    const struct bnf_operator *op = bnf_operator_find("", proto->op_type, call.opset);
    assert_non_null(op);
    r->status = op->run[precision](&call);
}

static void finish(struct run *r)
{
    for (size_t i = 0; i < most_slots; i++) {
        bnf_array_drop(&r->eval.budget, r->in[i]);
        bnf_array_drop(&r->eval.budget, r->out[i]);
    }
    assert_int_equal(r->eval.budget.used, 0);
    bnf_budget_clear(&r->eval.budget);
    bnf_arena_free(&r->arena);
    bnf_arena_free(&r->eval.arena);
    bnf_graph_free(&r->graph);
    bnf_model_close(&r->model);
}

/* "float 2x2: 1 2 3 4; int64 (): 5", or how it failed. */
static void describe(const struct run *r, char *text)
{
    size_t at = 0;
    text[0] = 0;
    if (r->status) {
        snprintf(text, text_room, "%s: %s", r->status == BNF_CANNOT ? "cannot" : "wrong", r->err.text);
        return;
    }
    for (size_t i = 0; i < r->out_count; i++) {
        const struct bnf_array *a = r->out[i];
        char dims[128];
        assert_non_null(a);
        at += (size_t)snprintf(text + at, text_room - at, "%s%s %s:", i ? "; " : "", bnf_dtype_name(a->dtype),
            bnf_dims_text(a->dims, a->rank, dims, sizeof dims));
        for (size_t k = 0; k < a->count && at < text_room; k++)
            at +=
                a->kind == BNF_KIND_TEXT
                    ? (size_t)snprintf(text + at, text_room - at, " '%s'", ((const char *const *)a->data)[k])
                    : (size_t)snprintf(text + at, text_room - at, " %.6g", bnf_array_at(a, k));
        assert_true(at < text_room);
    }
}

static void check(const struct move_case *cases, size_t count)
{
    static const char *const arms[] = {"float", "double"};
    size_t failed = 0;
    for (size_t i = 0; i < count; i++)
        for (int arm = 0; arm < 2; arm++) {
            struct run r;
            char text[text_room];
            run(&r, cases[i].model, arm ? BNF_PRECISION_DOUBLE : BNF_PRECISION_FLOAT, 2);
            describe(&r, text);
            if (strcmp(text, cases[i].expected) != 0) {
                print_error("%s (%s):\n  expected %s\n  found    %s\n", cases[i].name, arms[arm],
                    cases[i].expected, text);
                failed++;
            }
            finish(&r);
        }
    assert_int_equal(failed, 0);
}

#define X6 "init x float 2,3 1 2 3 4 5 6; "
#define X12 "init x float 3,4 1 2 3 4 5 6 7 8 9 10 11 12; "

static const struct move_case shapes[] = {
    {"identity", X6 "y = Identity(x)", "float 2x3: 1 2 3 4 5 6"},
    {"reshape with 0 and -1", X6 "init s int64 3 0 -1 1; y = Reshape(x, s)", "float 2x3x1: 1 2 3 4 5 6"},
    {"reshape by attribute", "opset 1; " X6 "y = Reshape(x) shape=[3,2]", "float 3x2: 1 2 3 4 5 6"},
    {"reshape to a scalar", "init x float 1 7; init s int64 0 zeros; y = Reshape(x, s)", "float (): 7"},
    {"reshape with a true zero",
        "opset 14; init x float 0,3 zeros; init s int64 2 3 0; y = Reshape(x, s) allowzero=1", "float 3x0:"},
    {"reshape that does not fit", X6 "init s int64 2 4 -1; y = Reshape(x, s)",
        "wrong: 6 elements do not fill 4x-1"},
    {"reshape with two -1", X6 "init s int64 2 -1 -1; y = Reshape(x, s)",
        "wrong: 'shape' has more than one -1"},
    {"reshape copying an axis that is not there", X6 "init s int64 3 6 1 0; y = Reshape(x, s)",
        "wrong: 'shape' copies axis 2 of an input of rank 2"},
    {"flatten", X6 "y = Flatten(x)", "float 2x3: 1 2 3 4 5 6"},
    {"flatten at 0", X6 "y = Flatten(x) axis=0", "float 1x6: 1 2 3 4 5 6"},
    {"flatten outside", X6 "y = Flatten(x) axis=3", "wrong: axis 3 is outside rank 2"},
    {"squeeze all", "init x float 1,2,1 5 6; y = Squeeze(x)", "float 2: 5 6"},
    {"squeeze by attribute", "opset 11; init x float 1,2,1 5 6; y = Squeeze(x) axes=[-1]", "float 1x2: 5 6"},
    {"squeeze by input", "init x float 1,2,1 5 6; init a int64 1 0; y = Squeeze(x, a)", "float 2x1: 5 6"},
    {"squeeze what is not 1", "init x float 1,2,1 5 6; init a int64 1 1; y = Squeeze(x, a)",
        "wrong: axis 1 has extent 2, not 1"},
    {"unsqueeze by attribute", "opset 11; init x float 2 5 6; y = Unsqueeze(x) axes=[0,2]",
        "float 1x2x1: 5 6"},
    {"unsqueeze by input", "init x float 2 5 6; init a int64 2 -1 0; y = Unsqueeze(x, a)",
        "float 1x2x1: 5 6"},
    {"unsqueeze twice the same", "init x float 2 5 6; init a int64 2 0 0; y = Unsqueeze(x, a)",
        "wrong: 'axes' names axis 0 twice"},
    {"shape", X6 "y = Shape(x)", "int64 2: 2 3"},
    {"part of a shape", "opset 15; init x int32 2,3,4 zeros; y = Shape(x) start=-2 end=9", "int64 2: 3 4"},
    {"size", X6 "y = Size(x)", "int64 (): 6"},
    {"expand", "init x float 2,1 5 6; init s int64 3 2 1 2; y = Expand(x, s)",
        "float 2x2x2: 5 5 6 6 5 5 6 6"},
    {"expand to less", X6 "init s int64 1 1; y = Expand(x, s)", "float 2x3: 1 2 3 4 5 6"},
    {"expand that does not fit", X6 "init s int64 1 2; y = Expand(x, s)",
        "wrong: extent 3 on axis 1 does not expand to 2"},
    {"tile", "init x float 1,2 5 6; init r int64 2 2 2; y = Tile(x, r)", "float 2x4: 5 6 5 6 5 6 5 6"},
    {"tile to nothing", "init x float 1,2 5 6; init r int64 2 0 2; y = Tile(x, r)", "float 0x4:"},
    {"tile along one axis", "opset 5; " X6 "init t int64 () 2; init a int64 () 0; y = Tile(x, t, a)",
        "float 4x3: 1 2 3 4 5 6 1 2 3 4 5 6"},
    {"tile less than no time", X6 "init r int64 2 1 -1; y = Tile(x, r)", "wrong: 'repeats' holds -1"},
    {"transpose", X6 "y = Transpose(x)", "float 3x2: 1 4 2 5 3 6"},
    {"transpose with a perm", "init x int32 2,1,3 1 2 3 4 5 6; y = Transpose(x) perm=[2,0,1]",
        "int32 3x2x1: 1 4 2 5 3 6"},
    {"transpose that moves nothing", "init x int32 2,1,3 1 2 3 4 5 6; y = Transpose(x) perm=[1,0,2]",
        "int32 1x2x3: 1 2 3 4 5 6"},
    {"transpose by a wrong perm", X6 "y = Transpose(x) perm=[0,0]", "wrong: 'perm' names axis 0 twice"},
};

static const struct move_case joins[] = {
    {"concat", X6 "init z float 2,1 8 9; y = Concat(x, z) axis=-1", "float 2x4: 1 2 3 8 4 5 6 9"},
    {"concat of nothing", X6 "init z float 0,3 zeros; y = Concat(z, x, z) axis=0", "float 2x3: 1 2 3 4 5 6"},
    {"concat that does not fit", X6 "init z float 1,1 8; y = Concat(x, z) axis=1",
        "wrong: input 1 has extent 1 on axis 0, the first has 2"},
    {"concat of two types", X6 "init z int64 2,1 8 9; y = Concat(x, z) axis=1",
        "wrong: input 1 is int64 of rank 2, the first is float of rank 2"},
    {"split into equal parts", "opset 11; " X12 "a, b = Split(x) axis=1",
        "float 3x2: 1 2 5 6 9 10; float 3x2: 3 4 7 8 11 12"},
    {"split by attribute", "opset 2; " X6 "a, b = Split(x) axis=1 split=[1,2]",
        "float 2x1: 1 4; float 2x2: 2 3 5 6"},
    {"split by input", X6 "init s int64 2 0 2; a, b = Split(x, s)", "float 0x3:; float 2x3: 1 2 3 4 5 6"},
    {"split with a smaller last part", "opset 18; " X6 "a, b = Split(x) axis=-1 num_outputs=2",
        "float 2x2: 1 2 4 5; float 2x1: 3 6"},
    {"split of what has no equal parts", X6 "a, b = Split(x) axis=1", "wrong: extent 3 has no 2 equal parts"},
    {"split into too much", X6 "init s int64 2 1 2; a, b = Split(x, s)",
        "wrong: 'split' asks for 2 where 1 of 2 are left"},
    {"slice by attribute", "opset 9; " X12 "y = Slice(x) starts=[0,-3] ends=[2,99]",
        "float 2x3: 2 3 4 6 7 8"},
    {"slice by input", X12 "init s int64 1 1; init e int64 1 -1; init a int64 1 -1; y = Slice(x, s, e, a)",
        "float 3x2: 2 3 6 7 10 11"},
    {"slice backwards",
        X12 "init s int64 2 -1 9; init e int64 2 -99 0; init a int64 2 0 1; init p int64 2 -2 -2; y = "
            "Slice(x, s, e, a, p)",
        "float 2x2: 12 10 4 2"},
    {"slice of nothing", X12 "init s int64 1 3; init e int64 1 1; y = Slice(x, s, e)", "float 0x4:"},
    {"slice backwards from before the beginning",
        X12 "init s int64 1 -10; init e int64 1 -9223372036854775808; init a int64 1 1; init p int64 1 -1; y = "
            "Slice(x, s, e, a, p)",
        "float 3x1: 1 5 9"},
    {"slice by the smallest step",
        X12 "init s int64 1 9223372036854774784; init e int64 1 -9223372036854775808; init a int64 1 1; "
            "init p int64 1 -9223372036854775808; y = Slice(x, s, e, a, p)",
        "float 3x1: 4 8 12"},
    {"slice of an axis of nothing, backwards",
        "init x float 2,0 zeros; init s int64 1 -1; init e int64 1 -9; init a int64 1 1; init p int64 1 -1; y = "
        "Slice(x, s, e, a, p)",
        "float 2x0:"},
    {"slice of an axis twice", X12 "init s int64 2 0 0; init e int64 2 1 1; init a int64 2 1 -1; y = Slice(x, s, e, a)",
        "wrong: 'axes' holds -1, which rank 2 does not have, or twice"},
    {"slice by step 0",
        X12
        "init s int64 1 0; init e int64 1 1; init a int64 1 0; init p int64 1 0; y = Slice(x, s, e, a, p)",
        "wrong: 'steps' holds 0"},
    {"depth to space", "init x float 1,4,1,2 1 2 3 4 5 6 7 8; y = DepthToSpace(x) blocksize=2",
        "float 1x1x2x4: 1 3 2 4 5 7 6 8"},
    {"depth to space, column first",
        "init x float 1,8,1,1 1 2 3 4 5 6 7 8; y = DepthToSpace(x) blocksize=2 mode='CRD'",
        "float 1x2x2x2: 1 2 3 4 5 6 7 8"},
    {"depth to space, depth first",
        "init x float 1,8,1,1 1 2 3 4 5 6 7 8; y = DepthToSpace(x) blocksize=2 mode='DCR'",
        "float 1x2x2x2: 1 3 5 7 2 4 6 8"},
    {"depth that does not divide", "init x float 1,3,1,1 1 2 3; y = DepthToSpace(x) blocksize=2",
        "wrong: 3 channels do not divide into blocks of 4"},
    {"space to depth", "init x float 1,1,2,4 1 3 2 4 5 7 6 8; y = SpaceToDepth(x) blocksize=2",
        "float 1x4x1x2: 1 2 3 4 5 6 7 8"},
    {"reverse sequences, time first", X6 "init n int64 3 1 2 0; y = ReverseSequence(x, n)",
        "float 2x3: 1 5 3 4 2 6"},
    {"reverse sequences, batch first",
        X6 "init n int64 2 2 3; y = ReverseSequence(x, n) batch_axis=0 time_axis=1",
        "float 2x3: 2 1 3 6 5 4"},
    {"sequences too long", X6 "init n int64 3 1 3 0; y = ReverseSequence(x, n)",
        "wrong: length 3 is outside 0 … 2"},
    {"compress along an axis", X6 "init c bool 3 0 1 1; y = Compress(x, c) axis=1", "float 2x2: 2 3 5 6"},
    {"compress flat", X6 "init c bool 5 0 1 0 0 1; y = Compress(x, c)", "float 2: 2 5"},
    {"compress by too much", X6 "init c bool 3 0 1 1; y = Compress(x, c) axis=0",
        "wrong: 'condition' has 3 elements for extent 2"},
};

#define L "init x float 1,3 1 2 3; "

static const struct move_case pads[] = {
    {"pad with a number", L "init p int64 4 0 1 1 2; init v float () 9; y = Pad(x, p, v)",
        "float 2x6: 9 1 2 3 9 9 9 9 9 9 9 9"},
    {"pad with zeros", L "init p int64 4 0 1 0 0; y = Pad(x, p)", "float 1x4: 0 1 2 3"},
    {"pad by attribute", "opset 2; " L "y = Pad(x) pads=[0,0,0,1] value=2.5", "float 1x4: 1 2 3 2.5"},
    {"pad by the first attribute", "opset 1; " L "y = Pad(x) paddings=[0,1,0,0] mode='edge'",
        "float 1x4: 1 1 2 3"},
    {"pad by the edge", L "init p int64 4 1 2 0 1; y = Pad(x, p) mode='edge'",
        "float 2x6: 1 1 1 2 3 3 1 1 1 2 3 3"},
    {"pad by reflection", L "init p int64 4 0 2 0 3; y = Pad(x, p) mode='reflect'",
        "float 1x8: 3 2 1 2 3 2 1 2"},
    {"pad by repetition", "opset 19; " L "init p int64 4 0 4 0 1; y = Pad(x, p) mode='wrap'",
        "float 1x8: 3 1 2 3 1 2 3 1"},
    {"cut off", L "init p int64 4 0 -1 0 1; y = Pad(x, p)", "float 1x3: 2 3 0"},
    {"cut off, then reflect", L "init p int64 4 0 -1 0 1; y = Pad(x, p) mode='reflect'", "float 1x3: 2 3 2"},
    {"cut off all", L "init p int64 4 0 -4 0 2; y = Pad(x, p)", "float 1x1: 0"},
    {"cut off more", L "init p int64 4 0 -4 0 0; y = Pad(x, p)",
        "wrong: extent 3 with -4 and 0 around it is below 0"},
    {"pad some axes",
        "opset 18; init x int64 1,2 5 6; init p int64 2 0 1; init v int64 () 7; init a int64 1 -1; "
        "y = Pad(x, p, v, a)",
        "int64 1x3: 5 6 7"},
    {"pad by too few numbers", L "init p int64 2 0 1; y = Pad(x, p)",
        "wrong: 'pads' has 2 numbers for 2 axes"},
    {"reflect nothing", "init x float 0 zeros; init p int64 2 1 0; y = Pad(x, p) mode='reflect'",
        "wrong: axis 0 has nothing to make a frame of"},
    {"center and crop", "opset 18; " X12 "init s int64 2 1 6; y = CenterCropPad(x, s)",
        "float 1x6: 0 5 6 7 8 0"},
    {"center an axis", "opset 18; " L "init s int64 1 6; y = CenterCropPad(x, s) axes=[-1]",
        "float 1x6: 0 1 2 3 0 0"},
    {"crop an axis to an odd rest", "opset 18; " L "init s int64 1 2; y = CenterCropPad(x, s) axes=[1]",
        "float 1x2: 1 2"},
};

static const struct move_case indices[] = {
    {"gather", X6 "init i int64 2 1 -2; y = Gather(x, i)", "float 2x3: 4 5 6 1 2 3"},
    {"gather along an axis", X6 "init i int64 2,1 2 0; y = Gather(x, i) axis=1", "float 2x2x1: 3 1 6 4"},
    {"gather one", X6 "init i int32 () 2; y = Gather(x, i) axis=1", "float 2: 3 6"},
    {"gather outside", X6 "init i int64 1 2; y = Gather(x, i)", "wrong: index 2 is outside extent 2"},
    {"gather before the start", X6 "init i int64 1 -3; y = Gather(x, i)",
        "wrong: index -3 is outside extent 2"},
    {"gather elements", X6 "init i int64 2,2 2 0 -1 1; y = GatherElements(x, i) axis=1",
        "float 2x2: 3 1 6 5"},
    {"gather elements along the first axis", X6 "init i int64 1,3 1 0 1; y = GatherElements(x, i) axis=0",
        "float 1x3: 4 2 6"},
    {"gather elements outside", X6 "init i int64 1,1 4; y = GatherElements(x, i) axis=1",
        "wrong: index 4 is outside extent 3"},
    {"gather tuples", X6 "init i int64 2,2 0 2 1 -3; y = GatherND(x, i)", "float 2: 3 4"},
    {"gather blocks", X6 "init i int64 1,1 1; y = GatherND(x, i)", "float 1x3: 4 5 6"},
    {"gather tuples by batch", "opset 12; " X6 "init i int64 2,1 2 0; y = GatherND(x, i) batch_dims=1",
        "float 2: 3 4"},
    {"gather tuples outside", X6 "init i int64 1,2 0 3; y = GatherND(x, i)",
        "wrong: index 3 is outside extent 3"},
    {"one hot", "init i int64 3 1 -1 5; init d int64 () 3; init v float 2 2 7; y = OneHot(i, d, v)",
        "float 3x3: 2 7 2 2 2 7 2 2 2"},
    {"one hot, classes first",
        "init i int64 2 0 1; init d float 1 2; init v int32 2 0 1; y = OneHot(i, d, v) axis=0",
        "int32 2x2: 1 0 0 1"},
    {"one hot without depth", "init i int64 1 0; init d int64 () 0; init v float 2 0 1; y = OneHot(i, d, v)",
        "wrong: 'depth' is 0 and 'values' has 2 elements, not at least 1 and 2"},
    {"non zero", "init x float 2,2 0 3 -1 0; y = NonZero(x)", "int64 2x2: 0 1 1 0"},
    {"upper triangle", "opset 14; " X6 "y = Trilu(x)", "float 2x3: 1 2 3 0 5 6"},
    {"lower triangle", "opset 14; " X6 "init k int64 () 1; y = Trilu(x, k) upper=0",
        "float 2x3: 1 2 0 4 5 6"},
    {"unique, sorted", "init x float 5 3 1 3 2 1; a, b, c, d = Unique(x)",
        "float 3: 1 2 3; int64 3: 1 3 0; int64 5: 2 0 2 1 0; int64 3: 2 1 2"},
    {"unique, as they come", "init x int64 5 3 1 3 2 1; a, b, c, d = Unique(x) sorted=0",
        "int64 3: 3 1 2; int64 3: 0 1 3; int64 5: 0 1 0 2 1; int64 3: 2 2 1"},
    {"unique columns", "init x float 2,3 2 1 2 5 4 5; a, b = Unique(x) axis=1",
        "float 2x2: 1 2 4 5; int64 2: 1 0"},
};

static const struct move_case scatters[] = {
    {"scatter", "opset 9; " X6 "init i int64 1,2 1 -3; init u float 1,2 8 9; y = Scatter(x, i, u) axis=1",
        "float 2x3: 9 8 3 4 5 6"},
    {"scatter elements", X6 "init i int64 1,2 1 0; init u float 1,2 8 9; y = ScatterElements(x, i, u)",
        "float 2x3: 1 9 3 8 5 6"},
    {"scatter a sum",
        "opset 16; " X6 "init i int64 1,2 1 1; init u float 1,2 8 9; "
        "y = ScatterElements(x, i, u) axis=1 reduction='add'",
        "float 2x3: 1 19 3 4 5 6"},
    {"scatter a product of bytes",
        "opset 16; init x uint8 2 100 3; init i int64 1 0; init u uint8 1 3; "
        "y = ScatterElements(x, i, u) reduction='mul'",
        "uint8 2: 44 3"},
    {"scatter minima",
        "opset 18; " X6 "init i int64 2,1 2 2; init u float 2,1 0 9; "
        "y = ScatterElements(x, i, u) axis=1 reduction='min'",
        "float 2x3: 1 2 0 4 5 6"},
    {"scatter elements outside", X6 "init i int64 1,1 2; init u float 1,1 8; y = ScatterElements(x, i, u)",
        "wrong: index 2 is outside extent 2"},
    {"scatter another shape", X6 "init i int64 1,1 1; init u float 2,1 8 9; y = ScatterElements(x, i, u)",
        "wrong: 'updates' has 2 elements and 'indices' 1, or other extents"},
    {"scatter tuples", X6 "init i int64 2,2 0 1 1 -1; init u float 2 8 9; y = ScatterND(x, i, u)",
        "float 2x3: 1 8 3 4 5 9"},
    {"scatter blocks", X6 "init i int64 1,1 1; init u float 1,3 7 8 9; y = ScatterND(x, i, u)",
        "float 2x3: 1 2 3 7 8 9"},
    {"scatter maxima of blocks",
        "opset 18; init x int64 3 1 5 3; init i int64 2,1 0 1; init u int64 2 4 4; "
        "y = ScatterND(x, i, u) reduction='max'",
        "int64 3: 4 5 3"},
    {"scatter tuples outside", X6 "init i int64 1,2 2 0; init u float 1 8; y = ScatterND(x, i, u)",
        "wrong: index 2 is outside extent 2"},
    {"scatter too few", X6 "init i int64 1,1 1; init u float 1,2 7 8; y = ScatterND(x, i, u)",
        "wrong: 2 updates for 1 blocks of 3 elements"},
};

static const struct move_case makes[] = {
    {"constant tensor", "y = Constant() value=float[2]{1 2.5}", "float 2: 1 2.5"},
    {"constant of integers", "y = Constant() value=int8[2]{1 -2}", "int8 2: 1 -2"},
    {"constant number", "y = Constant() value_float=1.5", "float (): 1.5"},
    {"constant integer", "y = Constant() value_int=-3", "int64 (): -3"},
    {"constant integers", "y = Constant() value_ints=[3,4]", "int64 2: 3 4"},
    {"constant string", "y = Constant() value_string='so'", "string (): 'so'"},
    {"constant without value", "y = Constant()", "wrong: it has no value"},
    {"constant of shape", "init s int64 2 1 3; y = ConstantOfShape(s)", "float 1x3: 0 0 0"},
    {"constant of shape with a value", "init s int64 1 2; y = ConstantOfShape(s) value=int64[1]{7}",
        "int64 2: 7 7"},
    {"constant of a scalar's shape", "init s int64 0 zeros; y = ConstantOfShape(s) value=float[1]{7}",
        "float (): 7"},
    {"constant of no shape", "init s int64 1 -1; y = ConstantOfShape(s)", "wrong: the shape holds -1"},
    {"range", "init a float () 1; init b float () 2; init c float () 0.25; y = Range(a, b, c)",
        "float 4: 1 1.25 1.5 1.75"},
    {"range downwards", "init a int32 () 3; init b int32 () -2; init c int32 () -2; y = Range(a, b, c)",
        "int32 3: 3 1 -1"},
    {"range of nothing", "init a int64 () 3; init b int64 () 3; init c int64 () 1; y = Range(a, b, c)",
        "int64 0:"},
    {"range that does not move",
        "init a int64 () 3; init b int64 () 4; init c int64 () 0; y = Range(a, b, c)", "wrong: 'delta' is 0"},
    {"eye", "init x int32 2,3 zeros; y = EyeLike(x) dtype=1 k=1", "float 2x3: 0 1 0 0 0 1"},
    {"eye of the input's type", "init x int32 2,2 zeros; y = EyeLike(x) k=-1", "int32 2x2: 0 0 1 0"},
};


#define TABLE(name, cases, count)         \
    static void test_##name(void **state) \
    {                                     \
        (void)state;                      \
        check(cases, count);              \
    }
TABLE(shapes, shapes, COUNT(shapes))
TABLE(joins, joins, COUNT(joins))
TABLE(pads, pads, COUNT(pads))
TABLE(indices, indices, COUNT(indices))
TABLE(scatters, scatters, COUNT(scatters))
TABLE(makes, makes, COUNT(makes))
TABLE(resizes, movecases_resizes, movecases_resizes_count)
TABLE(regions, movecases_regions, movecases_regions_count)

/* Arrays so large that threads share the work give what one thread gives. */
static void test_threads(void **state)
{
    (void)state;
    static const char *const models[] = {
        "init x float 3,70,60,50 rand; y = Transpose(x) perm=[0,2,3,1]",
        "init x float 200,3,1000 rand; y = Transpose(x) perm=[2,1,0]",
        "init x float 300,2,900 rand; init z float 300,1,900 rand; y = Concat(x, z) axis=1",
        ("init x float 1000,900 rand; init s int64 2 -1 3; init e int64 2 -9999 9999; init a int64 2 0 1; "
         "init p int64 2 -1 2; y = Slice(x, s, e, a, p)"),
        "init x float 1,900 rand; init s int64 2 700 900; y = Expand(x, s)",
        "init x float 700,800 rand; init p int64 4 3 4 5 6; y = Pad(x, p) mode='reflect'",
        "init x float 2,3,200,200 rand; init s float 4 1 1 1.5 2; y = Resize(x, _, s) mode='cubic'",
        "init x float 2,3,200,200 rand; init s float 4 1 1 1.5 2; y = Resize(x, _, s)",
        "opset 16; init x float 2,3,20,20 rand; init g float 2,80,90,2 rand; y = GridSample(x, g)",
    };
    for (size_t i = 0; i < COUNT(models); i++) {
        struct run one, four;
        run(&one, models[i], BNF_PRECISION_FLOAT, 1);
        run(&four, models[i], BNF_PRECISION_FLOAT, 4);
        assert_int_equal(one.status, BNF_OK);
        assert_int_equal(four.status, BNF_OK);
        assert_int_equal(one.out[0]->count, four.out[0]->count);
        assert_memory_equal(one.out[0]->data, four.out[0]->data, one.out[0]->count * sizeof(float));
        finish(&one);
        finish(&four);
    }
}

/* Every order of five axes, against the definition. */
static void test_every_transpose(void **state)
{
    (void)state;
    static const int64_t dims[5] = {2, 3, 1, 19, 18};
    for (int code = 0; code < 120; code++) {
        int64_t left[5] = {0, 1, 2, 3, 4}, perm[5];
        for (int i = 0, rest = code; i < 5; rest /= 5 - i, i++) {
            int chosen = rest % (5 - i);
            perm[i] = left[chosen];
            memmove(left + chosen, left + chosen + 1, (size_t)(4 - chosen) * sizeof *left);
        }
        char text[256];
        struct run r;
        snprintf(text, sizeof text, "init x float 2,3,1,19,18 rand; y = Transpose(x) perm=[%d,%d,%d,%d,%d]",
            (int)perm[0], (int)perm[1], (int)perm[2], (int)perm[3], (int)perm[4]);
        run(&r, text, BNF_PRECISION_DOUBLE, 1);
        assert_int_equal(r.status, BNF_OK);
        int64_t at[5] = {0};
        for (size_t k = 0; k < r.out[0]->count; k++) {
            int64_t source[5], offset = 0;
            for (size_t i = 0; i < 5; i++)
                source[perm[i]] = at[i];
            for (size_t i = 0; i < 5; i++)
                offset = offset * dims[i] + source[i];
            assert_true(((double *)r.out[0]->data)[k] == ((double *)r.in[0]->data)[offset]);
            for (size_t i = 5; i-- > 0 && ++at[i] == dims[perm[i]];)
                at[i] = 0;
        }
        finish(&r);
    }
}

/* start:end:step of 0, 1, … n-1 by the words of the standard, in numbers that do not overflow. How many there are. */
static size_t slice_defined(int n, double start, double end, double step, int64_t *out)
{
    size_t count = 0;
    start = fmax(0, fmin(start < 0 ? start + n : start, step < 0 ? n - 1 : n));
    end = fmax(step < 0 ? -1 : 0, fmin(end < 0 ? end + n : end, step < 0 ? n - 1 : n));
    for (double at = start; n > 0 && (step < 0 ? at > end : at < end); at += step)
        out[count++] = (int64_t)at;
    return count;
}

static void check_slice(int n, const char *start, const char *end, const char *step)
{
    static const char *const elements[] = {"zeros", "0", "0 1", "0 1 2", "0 1 2 3"};
    char text[256];
    int64_t want[4];
    struct run r;
    struct bnf_constants constants;
    const struct bnf_tensor *constant;
    size_t count = slice_defined(n, strtod(start, NULL), strtod(end, NULL), strtod(step, NULL), want);
    snprintf(text, sizeof text,
        "init x int64 %d %s; init s int64 1 %s; init e int64 1 %s; init a int64 1 0; init p int64 1 %s; "
        "y = Slice(x, s, e, a, p)",
        n, elements[n], start, end, step);
    run(&r, text, BNF_PRECISION_FLOAT, 1);
    assert_int_equal(bnf_shapes_infer(&r.graph, &r.err), BNF_OK);
    assert_int_equal(bnf_constants_init(&constants, &r.graph, false, &r.err), BNF_OK);
    bnf_id y = bnf_graph_find(&r.graph, 0, "y");
    assert_int_equal(bnf_constant(&constants, y, &constant, &r.err), BNF_OK);
    bool agree = !r.status && r.out[0]->count == count && constant && constant->count == count &&
                 r.graph.values[y].shape.dims[0] == (int64_t)count;
    for (size_t i = 0; agree && i < count; i++)
        agree = bnf_array_at(r.out[0], i) == (double)want[i] && bnf_tensor_at(constant, i) == (double)want[i];
    if (!agree)
        fail_msg("%d elements, %s:%s:%s is not what it should be, of %zu elements", n, start, end, step, count);
    bnf_constants_free(&constants);
    finish(&r);
}

/* Every slice of a few elements: evaluator, constants and shapes against the definition. */
static void test_every_slice(void **state)
{
    (void)state;
    static const char *const places[] = {"-9223372036854775808", "-9", "-4", "-3", "-1", "0", "2", "3", "9",
        "9223372036854774784"};
    static const char *const steps[] = {"-9223372036854775808", "-3", "-1", "1", "2", "9", "9223372036854774784"};
    for (int n = 0; n < 5; n++)
        for (size_t s = 0; s < COUNT(places); s++)
            for (size_t e = 0; e < COUNT(places); e++)
                for (size_t p = 0; p < COUNT(steps); p++)
                    check_slice(n, places[s], places[e], steps[p]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_joins),
        cmocka_unit_test(test_pads),
        cmocka_unit_test(test_indices),
        cmocka_unit_test(test_scatters),
        cmocka_unit_test(test_makes),
        cmocka_unit_test(test_resizes),
        cmocka_unit_test(test_regions),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_every_transpose),
        cmocka_unit_test(test_every_slice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
