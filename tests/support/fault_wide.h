/* Faults in any node of a fold, in bodies and functions too: what goes wrong where maps pass operators. */
#ifndef BNF_TESTS_FAULT_WIDE_H
#define BNF_TESTS_FAULT_WIDE_H

#include "support/make.h"
#include "support/rng.h"

enum { most_lists = 64 };

/* A graph's, body's or function's nodes. */
struct node_list {
    Onnx__NodeProto ***node;
    size_t *count;
};

/* A fold that something is to go wrong in. */
struct scene {
    struct make *make;
    struct rng rng;
    int dtype; /* of its numbers */
    struct node_list lists[most_lists];
    size_t list_count;
};

/* One node of it. */
struct spot {
    const struct node_list *list;
    size_t at;
    Onnx__NodeProto *node;
};

void scene_open(struct scene *scene, struct make *make, uint64_t seed, int dtype);

/* A random node of these operators, written "A|B"; false: there is none. */
bool scene_pick(struct scene *scene, const char *ops, struct spot *spot);

/* The constant of that name, an initializer or a Constant; NULL: it is none. */
Onnx__TensorProto *scene_constant(const struct scene *scene, const char *name);

Onnx__AttributeProto *spot_attribute(const struct spot *spot, const char *name);

struct wide_fault {
    const char *name, *ops;
    bool (*apply)(struct scene *scene, struct spot *spot, int argument); /* false: not at this node */
    int argument;
};

/* End with an empty name: nodes put together wrongly (fault_around.c, fault_order.c), wrong constants
 * (fault_stored.c). */
extern const struct wide_fault around_faults[], order_faults[], stored_faults[];

/* Models of operators that the generator seldom gives; ends with NULL. */
extern const char *const rare_models[];

#endif
