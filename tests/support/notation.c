#include "support/notation.h"

#include "base/buf.h"
#include "base/table.h"
#include "onnx/dtype.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct bnf_arena *arena;
    const char *at;
};

static _Noreturn void mistake(const struct reader *r, const char *what)
{
    fprintf(stderr, "notation: %s at: %.60s\n", what, r->at);
    abort();
}

static void *get(struct reader *r, size_t count, size_t size)
{
    void *block = bnf_arena_alloc(r->arena, count, size);
    if (!block)
        mistake(r, "out of memory");
    return block;
}

static char *copy(struct reader *r, const char *text, size_t length)
{
    char *block = bnf_arena_copy(r->arena, text, length);
    if (!block)
        mistake(r, "out of memory");
    return block;
}

/* list[count++] = item, in arena memory. */
#define APPEND(r, list, count, item)                                                                         \
    do {                                                                                                     \
        void *grown_ = get(r, (count) + 1, sizeof *(list));                                                  \
        if (count)                                                                                           \
            memcpy(grown_, list, (count) * sizeof *(list));                                                  \
        (list) = grown_;                                                                                     \
        (list)[(count)++] = (item);                                                                          \
    } while (0)

static void blanks(struct reader *r)
{
    while (*r->at == ' ')
        r->at++;
}

static void lines(struct reader *r)
{
    while (isspace((unsigned char)*r->at) || *r->at == ';')
        r->at++;
}

static bool eat(struct reader *r, const char *token)
{
    blanks(r);
    size_t length = strlen(token);
    if (strncmp(r->at, token, length) != 0)
        return false;
    r->at += length;
    return true;
}

static void expect(struct reader *r, const char *token)
{
    if (!eat(r, token))
        mistake(r, token);
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '/' || c == '-' || c == '+' || c == '?';
}

static char *word(struct reader *r)
{
    blanks(r);
    const char *begin = r->at;
    while (is_word(*r->at))
        r->at++;
    if (r->at == begin)
        mistake(r, "a word was expected");
    return copy(r, begin, (size_t)(r->at - begin));
}

static bool keyword(struct reader *r, const char *name)
{
    size_t length = strlen(name);
    blanks(r);
    if (strncmp(r->at, name, length) != 0 || r->at[length] != ' ')
        return false;
    r->at += length;
    return true;
}

static int type(struct reader *r)
{
    char *name = word(r);
    for (int dtype = 1; bnf_dtype_known(dtype); dtype++)
        if (strcmp(bnf_dtype_name(dtype), name) == 0)
            return dtype;
    mistake(r, "unknown element type");
}

/* ---- types and tensors ---- */

static Onnx__ValueInfoProto *value_info(struct reader *r)
{
    Onnx__ValueInfoProto *info = get(r, 1, sizeof *info);
    onnx__value_info_proto__init(info);
    info->name = word(r);
    info->type = get(r, 1, sizeof *info->type);
    onnx__type_proto__init(info->type);
    info->type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    info->type->tensor_type = get(r, 1, sizeof *info->type->tensor_type);
    Onnx__TypeProto__Tensor *tensor = info->type->tensor_type;
    onnx__type_proto__tensor__init(tensor);
    tensor->has_elem_type = true;
    tensor->elem_type = type(r);
    blanks(r);
    if (eat(r, "?"))
        return info;
    tensor->shape = get(r, 1, sizeof *tensor->shape);
    onnx__tensor_shape_proto__init(tensor->shape);
    while (is_word(*r->at)) {
        Onnx__TensorShapeProto__Dimension *dim = get(r, 1, sizeof *dim);
        onnx__tensor_shape_proto__dimension__init(dim);
        char *extent = word(r);
        if (isdigit((unsigned char)*extent)) {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dim->dim_value = strtoll(extent, NULL, 10);
        } else {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dim->dim_param = extent;
        }
        APPEND(r, tensor->shape->dim, tensor->shape->n_dim, dim);
        if (*r->at == ',')
            r->at++;
    }
    return info;
}

static double random_number(uint64_t *state)
{
    *state = bnf_hash_mix(*state, 0x9e37);
    return (double)(*state >> 40) / (double)(1 << 23) - 1;
}

/* The same for an integer type of up to 16 bits: most of its range; ±1000 for wider ones. */
static double random_integer(int dtype, double random)
{
    unsigned bits = bnf_dtype_bits(dtype);
    bool is_unsigned = dtype == BNF_DTYPE_UINT4 || dtype == BNF_DTYPE_UINT8 || dtype == BNF_DTYPE_UINT16;
    double half = bits > 16 ? 1000 : (double)(1 << (bits - 1)) - 1;
    return (is_unsigned ? half + 1 : 0) + (double)(int)(random * half);
}

/* Elements: rand, pos, ones, zeros, or one number for each; `end` is what comes after numbers. */
static void elements(struct reader *r, Onnx__TensorProto *tensor, size_t count)
{
    double *x = get(r, count, sizeof *x);
    uint64_t state = bnf_hash(tensor->name ? tensor->name : "", tensor->name ? strlen(tensor->name) : 0);
    bool is_random = keyword(r, "rand") || strncmp(r->at, "rand", 4) == 0;
    bool is_positive = !is_random && strncmp(r->at, "pos", 3) == 0;
    bool is_one = strncmp(r->at, "ones", 4) == 0, is_zero = strncmp(r->at, "zeros", 5) == 0;
    for (size_t i = 0; i < count; i++) {
        double random = random_number(&state);
        if (is_random && bnf_dtype_is_integer(tensor->data_type) && tensor->data_type != BNF_DTYPE_BOOL)
            random = random_integer(tensor->data_type, random);
        x[i] = is_random ? random : is_positive ? 0.25 + (random + 1) : is_one ? 1 : 0;
    }
    if (is_random || is_positive || is_one || is_zero) {
        while (isalpha((unsigned char)*r->at))
            r->at++;
    } else {
        for (size_t i = 0; i < count; i++) {
            char *end;
            blanks(r);
            x[i] = strtod(r->at, &end);
            if (end == r->at)
                mistake(r, "a number was expected");
            r->at = end;
        }
    }
    unsigned bits = bnf_dtype_bits(tensor->data_type);
    uint8_t *bytes = get(r, (count * bits + 7) / 8, 1);
    for (size_t i = 0; i < count; i++) {
        if (bnf_dtype_is_float(tensor->data_type)) {
            bnf_from_double(tensor->data_type, &x[i], 1, bytes, i);
        } else if (bits == 4) {
            bytes[i / 2] = (uint8_t)(bytes[i / 2] | ((int)x[i] & 15) << (i % 2 ? 4 : 0));
        } else {
            int64_t number = (int64_t)x[i];
            memcpy(bytes + i * bits / 8, &number, bits / 8); /* little-endian: the low bytes */
        }
    }
    tensor->has_raw_data = true;
    tensor->raw_data.data = bytes;
    tensor->raw_data.len = (count * bits + 7) / 8;
}

static Onnx__TensorProto *new_tensor(struct reader *r, char *name, int dtype)
{
    Onnx__TensorProto *tensor = get(r, 1, sizeof *tensor);
    onnx__tensor_proto__init(tensor);
    tensor->name = name;
    tensor->has_data_type = true;
    tensor->data_type = dtype;
    return tensor;
}

static size_t extents(struct reader *r, Onnx__TensorProto *tensor)
{
    size_t count = 1;
    blanks(r);
    while (isdigit((unsigned char)*r->at)) {
        int64_t extent = strtoll(r->at, (char **)(uintptr_t)&r->at, 10);
        APPEND(r, tensor->dims, tensor->n_dims, extent);
        count *= (size_t)extent;
        if (*r->at != ',')
            break;
        r->at++;
    }
    return count;
}

/* W float 4,3,3,3 rand; a scalar has `()` for extents. */
static Onnx__TensorProto *initializer(struct reader *r)
{
    char *name = word(r);
    Onnx__TensorProto *tensor = new_tensor(r, name, type(r));
    size_t count = eat(r, "()") ? 1 : extents(r, tensor);
    blanks(r);
    elements(r, tensor, count);
    return tensor;
}

/* ---- nodes ---- */

static Onnx__GraphProto *graph(struct reader *r, Onnx__ModelProto *model);

static void tensor_value(struct reader *r, Onnx__AttributeProto *a)
{
    a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
    a->t = new_tensor(r, copy(r, "", 0), type(r));
    size_t count = 1;
    if (eat(r, "[")) {
        count = extents(r, a->t);
        expect(r, "]");
    }
    expect(r, "{");
    blanks(r);
    elements(r, a->t, count);
    expect(r, "}");
}

static void number_list(struct reader *r, Onnx__AttributeProto *a)
{
    bool floats = false;
    for (const char *c = r->at; *c && *c != ']'; c++)
        floats = floats || *c == '.';
    a->type = floats ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS : ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
    while (!eat(r, "]")) {
        char *end;
        if (floats) {
            float f = strtof(r->at, &end);
            APPEND(r, a->floats, a->n_floats, f);
        } else {
            int64_t i = strtoll(r->at, &end, 10);
            APPEND(r, a->ints, a->n_ints, i);
        }
        if (end == r->at)
            mistake(r, "a number was expected");
        r->at = end;
        if (*r->at == ',')
            r->at++;
    }
}

static void attribute_value(struct reader *r, Onnx__AttributeProto *a, Onnx__ModelProto *model)
{
    a->has_type = true;
    if (eat(r, "{")) {
        a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
        a->g = graph(r, model);
        lines(r);
        expect(r, "}");
    } else if (eat(r, "[")) {
        number_list(r, a);
    } else if (eat(r, "'")) {
        const char *begin = r->at;
        while (*r->at && *r->at != '\'')
            r->at++;
        a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
        a->has_s = true;
        a->s.len = (size_t)(r->at - begin);
        a->s.data = (uint8_t *)copy(r, begin, a->s.len);
        expect(r, "'");
    } else if (eat(r, "@")) {
        a->ref_attr_name = word(r);
        a->type = eat(r, ":ints")  ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS
                  : eat(r, ":int") ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT
                                   : ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
    } else if (isalpha((unsigned char)*r->at)) {
        tensor_value(r, a);
    } else {
        char *number = word(r);
        bool is_float = strpbrk(number, ".eE") != NULL;
        a->type = is_float ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT : ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
        a->has_f = is_float;
        a->f = strtof(number, NULL);
        a->has_i = !is_float;
        a->i = is_float ? 0 : strtoll(number, NULL, 10);
    }
}

static void operator_name(struct reader *r, Onnx__NodeProto *node)
{
    char *name = word(r), *dot = strrchr(name, '.');
    node->op_type = dot ? dot + 1 : name;
    if (dot)
        node->domain = copy(r, name, (size_t)(dot - name));
    if (eat(r, ":"))
        node->overload = word(r);
}

static Onnx__NodeProto *node_line(struct reader *r, Onnx__ModelProto *model)
{
    Onnx__NodeProto *node = get(r, 1, sizeof *node);
    onnx__node_proto__init(node);
    do {
        char *name = word(r);
        if (strcmp(name, "_") == 0)
            name = copy(r, "", 0);
        APPEND(r, node->output, node->n_output, name);
    } while (eat(r, ","));
    node->name = node->output[0];
    expect(r, "=");
    operator_name(r, node);
    expect(r, "(");
    while (!eat(r, ")")) {
        char *name = word(r);
        if (strcmp(name, "_") == 0)
            name = copy(r, "", 0);
        APPEND(r, node->input, node->n_input, name);
        eat(r, ",");
    }
    for (blanks(r); *r->at && *r->at != '\n' && *r->at != ';' && *r->at != '}'; blanks(r)) {
        char *name = word(r);
        expect(r, "=");
        Onnx__AttributeProto *a = get(r, 1, sizeof *a);
        onnx__attribute_proto__init(a);
        a->name = name;
        attribute_value(r, a, model);
        if (strcmp(name, "name") == 0)
            node->name = copy(r, (const char *)a->s.data, a->s.len);
        else
            APPEND(r, node->attribute, node->n_attribute, a);
    }
    return node;
}

static void opset_line(struct reader *r, Onnx__ModelProto *model)
{
    char *domain = word(r);
    bool standard = isdigit((unsigned char)*domain);
    char *version = standard ? domain : word(r);
    Onnx__OperatorSetIdProto *import = standard ? model->opset_import[0] : get(r, 1, sizeof *import);
    if (!standard) {
        onnx__operator_set_id_proto__init(import);
        import->domain = domain;
        APPEND(r, model->opset_import, model->n_opset_import, import);
    }
    import->has_version = true;
    import->version = strtoll(version, NULL, 10);
}

/* `input W`: the initializer read last under that name becomes an input too. */
static Onnx__ValueInfoProto *as_input(struct reader *r, const Onnx__GraphProto *g)
{
    char *name = word(r);
    for (size_t i = 0; i < g->n_initializer; i++) {
        const Onnx__TensorProto *t = g->initializer[i];
        if (strcmp(t->name, name) != 0)
            continue;
        struct bnf_buf text = {0};
        bnf_buf_printf(&text, "%s %s ", name, bnf_dtype_name(t->data_type));
        for (size_t k = 0; k < t->n_dims; k++)
            bnf_buf_printf(&text, "%lld,", (long long)t->dims[k]);
        struct reader inner = {.arena = r->arena, .at = copy(r, bnf_buf_text(&text), text.size)};
        bnf_buf_free(&text);
        return value_info(&inner);
    }
    mistake(r, "no such initializer");
}

static Onnx__ValueInfoProto *plain_output(struct reader *r)
{
    Onnx__ValueInfoProto *info = get(r, 1, sizeof *info);
    onnx__value_info_proto__init(info);
    info->name = word(r);
    return info;
}

/* A function has no initializers: one is written as a Constant node. */
static Onnx__NodeProto *as_constant(struct reader *r, Onnx__TensorProto *tensor)
{
    Onnx__NodeProto *node = get(r, 1, sizeof *node);
    Onnx__AttributeProto *a = get(r, 1, sizeof *a);
    onnx__node_proto__init(node);
    onnx__attribute_proto__init(a);
    node->op_type = copy(r, "Constant", 8);
    APPEND(r, node->output, node->n_output, tensor->name);
    node->name = tensor->name;
    a->name = copy(r, "value", 5);
    a->has_type = true;
    a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
    a->t = tensor;
    APPEND(r, node->attribute, node->n_attribute, a);
    return node;
}

static Onnx__OperatorSetIdProto *default_import(struct reader *r)
{
    Onnx__OperatorSetIdProto *import = get(r, 1, sizeof *import);
    onnx__operator_set_id_proto__init(import);
    import->domain = copy(r, "", 0);
    import->has_version = true;
    import->version = 13;
    return import;
}

static Onnx__FunctionProto *function(struct reader *r)
{
    Onnx__FunctionProto *f = get(r, 1, sizeof *f);
    Onnx__ModelProto own; /* takes what `opset` lines say */
    Onnx__NodeProto head;
    onnx__function_proto__init(f);
    onnx__model_proto__init(&own);
    onnx__node_proto__init(&head);
    operator_name(r, &head);
    f->name = head.op_type;
    f->domain = head.domain;
    f->overload = head.overload;
    for (expect(r, "("); !eat(r, ")"); eat(r, ","))
        APPEND(r, f->input, f->n_input, word(r));
    while (eat(r, "@")) {
        char *name = word(r);
        if (!eat(r, "=")) {
            APPEND(r, f->attribute, f->n_attribute, name);
            continue;
        }
        Onnx__AttributeProto *fallback = get(r, 1, sizeof *fallback);
        onnx__attribute_proto__init(fallback);
        fallback->name = name;
        attribute_value(r, fallback, &own);
        APPEND(r, f->attribute_proto, f->n_attribute_proto, fallback);
    }
    expect(r, "{");
    APPEND(r, own.opset_import, own.n_opset_import, default_import(r));
    Onnx__GraphProto *body = graph(r, &own);
    expect(r, "}");
    f->opset_import = own.opset_import;
    f->n_opset_import = own.n_opset_import;
    for (size_t i = 0; i < body->n_output; i++)
        APPEND(r, f->output, f->n_output, body->output[i]->name);
    for (size_t i = 0; i < body->n_initializer; i++)
        APPEND(r, f->node, f->n_node, as_constant(r, body->initializer[i]));
    for (size_t i = 0; i < body->n_node; i++)
        APPEND(r, f->node, f->n_node, body->node[i]);
    return f;
}

static Onnx__GraphProto *graph(struct reader *r, Onnx__ModelProto *model)
{
    Onnx__GraphProto *g = get(r, 1, sizeof *g);
    onnx__graph_proto__init(g);
    g->name = copy(r, "g", 1);
    for (lines(r); *r->at && *r->at != '}'; lines(r)) {
        if (keyword(r, "opset"))
            opset_line(r, model);
        else if (keyword(r, "ir"))
            model->ir_version = strtoll(word(r), NULL, 10);
        else if (keyword(r, "in"))
            APPEND(r, g->input, g->n_input, value_info(r));
        else if (keyword(r, "input"))
            APPEND(r, g->input, g->n_input, as_input(r, g));
        else if (keyword(r, "info"))
            APPEND(r, g->value_info, g->n_value_info, value_info(r));
        else if (keyword(r, "out"))
            APPEND(r, g->output, g->n_output, plain_output(r));
        else if (keyword(r, "function"))
            APPEND(r, model->functions, model->n_functions, function(r));
        else if (keyword(r, "init"))
            APPEND(r, g->initializer, g->n_initializer, initializer(r));
        else
            APPEND(r, g->node, g->n_node, node_line(r, model));
    }
    return g;
}

void notation_read(struct bnf_model *model, const char *text)
{
    *model = (struct bnf_model){0};
    bnf_arena_init(&model->arena, 0);
    struct reader r = {.arena = &model->arena, .at = text};
    Onnx__ModelProto *proto = get(&r, 1, sizeof *proto);
    onnx__model_proto__init(proto);
    proto->has_ir_version = true;
    proto->ir_version = 8;
    APPEND(&r, proto->opset_import, proto->n_opset_import, default_import(&r));
    proto->graph = graph(&r, proto);
    if (*r.at)
        mistake(&r, "text after the graph");
    model->proto = proto;
    model->path = copy(&r, "test.onnx", 9);
}
