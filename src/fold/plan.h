/* Plans: how one affine travels through the graph until operators absorb it.
 *
 * A walk starts at a site and asks one operator after the other. Backward: "an affine sits on my output"; forward:
 * "an affine sits on my input". An operator answers by adding a move to the plan, and by sending an affine on to one
 * or more of its inputs (or its output) when it does not absorb all of it. The walk closes when no value carries an
 * affine that nobody was asked about. Nothing is edited before that; applying a closed plan fails for memory only. */
#ifndef BNF_FOLD_PLAN_H
#define BNF_FOLD_PLAN_H

#include "eval/constant.h"
#include "fold/affine.h"
#include "fold/fold.h"
#include "fold/pending.h"

struct bnf_fold;
struct bnf_plan;

/* Answers of a rule: it added its move; it refused (bnf_refuse was called); or a negative status. */
enum { BNF_ANSWER_YES = 0, BNF_ANSWER_NO = 1 };

/* What an operator does, one line per operator in rules.def. A rule reads the affines on its values with
 * bnf_plan_affine, and may be NULL. Backward every output of the node that carries an affine has it by the time the
 * node is asked (others carry none), forward every input. */
struct bnf_rule {
    const char *op_type;
    int inputs; /* how many of the first input slots are filled in a valid node; -1: all slots that there are */
    int most_inputs; /* how many slots may be filled; -1: any number */
    uint32_t outputs;
    int (*back)(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err);
    int (*forward)(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id node, struct bnf_err *err);
};

/* The rule of a node's operator, NULL when there is none (or the operator is of another domain). */
const struct bnf_rule *bnf_rule_find(const struct bnf_graph *graph, bnf_id node);

/* One edit of a closed plan. */
struct bnf_move {
    int (*apply)(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err);
    bnf_id node;
    struct bnf_affine affine; /* as it reached the operator, expanded to its channels */
    uint32_t slot;            /* the input concerned */
    struct bnf_pending *constant; /* a constant that the rule made while planning, or NULL */
    const void *data;             /* whatever else apply needs; scratch arena */
    bool absorbs;             /* for the report: the affine (or part of it) ends here */
};

/* A value on which the walk stopped: its affine is lowered there, and the rest goes on. */
struct bnf_left {
    bnf_id value;
    struct bnf_affine affine;
};

enum bnf_walk { BNF_WALK_BACK, BNF_WALK_FORWARD };

/* How the walk treats Mul, Add, Sub and Div by constants: they join the affine and disappear; or they stay and take
 * the affine into their constant. */
enum bnf_style { BNF_STYLE_JOIN, BNF_STYLE_KEEP };

/* How much of the affine sets out, and where it may stay. */
enum bnf_extent {
    BNF_EXTENT_WHOLE, /* all of it, and all of it has to be absorbed */
    BNF_EXTENT_PARTS, /* all of it; a branch that refuses keeps a lowered affine of its own */
    BNF_EXTENT_SCALE, /* the scale alone; the shift stays at the site, as an Add */
};

struct bnf_route {
    enum bnf_walk walk;
    enum bnf_style style;
    enum bnf_extent extent;
    bool second; /* where a shift may go to one of two operands, it goes to the second */
};

struct bnf_carried {
    bnf_id value;
    struct bnf_affine affine;
    bnf_id becomes; /* while applying: what replaces the value (back), or what it is an affine of (forward) */
    bool asked;
};

struct bnf_plan {
    enum bnf_walk walk;
    enum bnf_style style;
    enum bnf_extent extent;
    bool second;   /* see bnf_route */
    bool had_choice; /* a rule gave a shift to one of two operands: the other one is worth a try */
    const struct bnf_site *site;
    struct bnf_carried *carried; /* values that carry an affine, in the order they were reached; heap */
    size_t carried_count, carried_capacity;
    size_t carried_open; /* those before were all asked about */
    struct bnf_move *moves; /* heap */
    size_t move_count, move_capacity;
    struct bnf_table index; /* value → carried */
    struct bnf_table asked; /* node → 1 */
    int affines_removed, affines_added; /* Mul/Add/Sub/Div nodes that join, and those that applying makes */
    int nodes_added;                    /* further nodes that applying makes: an explicit Pad */
    struct bnf_left *left; /* branches that keep a lowered affine; heap */
    size_t left_count, left_capacity;
    double *rest_shift; /* BNF_EXTENT_SCALE: what the Add at the site adds, per channel; scratch */
    const char **steps; /* what the walk did, for people; heap, texts in scratch; only when traced */
    size_t step_count, step_capacity;
    enum bnf_reason reason;             /* of the refusal */
    const char *detail;
    size_t depth; /* operators asked when it was refused, the refusing one included if it has a rule */
};

/* Walks from a site. BNF_ANSWER_YES: the plan is closed and may be applied; BNF_ANSWER_NO: plan->reason and detail say
 * why not; negative: an error. Free it with bnf_plan_free in every case. */
int bnf_plan_walk(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_site *site, const struct bnf_affine *affine,
    const struct bnf_route *route, struct bnf_err *err);

/* Carries a closed plan out: removes the site's node, applies every move, fills the site's verdict. */
int bnf_plan_apply(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_site *site, struct bnf_err *err);

void bnf_plan_free(struct bnf_plan *plan);

/* ---- for rules ---- */

/* The affine on a value, or NULL. */
const struct bnf_affine *bnf_plan_affine(const struct bnf_plan *plan, bnf_id value);

/* A value on the way, or NULL. */
struct bnf_carried *bnf_plan_carried(const struct bnf_plan *plan, bnf_id value);

/* Sends an affine on: backward to an input, forward to an output of the operator asked. Refuses where the value is
 * already on the way by another use. Negative: BNF_ENOMEM. */
int bnf_plan_send(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id value, const struct bnf_affine *affine,
    struct bnf_err *err);

/* The operator stays as it is: when the plan is applied, its inputs and outputs that are on the way are replaced by
 * what they become. Call it once per node, then send the affine on. Negative: BNF_ENOMEM. */
int bnf_plan_pass(struct bnf_plan *plan, bnf_id node, struct bnf_err *err);

/* What bnf_plan_pass does when it is applied; for rules whose move changes constants or attributes as well. */
int bnf_plan_rewire(struct bnf_fold *fold, struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err);

/* Adds a move. Negative: BNF_ENOMEM. */
int bnf_plan_add(struct bnf_plan *plan, const struct bnf_move *move, struct bnf_err *err);

/* Notes why the operator refuses; returns BNF_ANSWER_NO. The detail is a full sentence part without full stop. */
int bnf_refuse(struct bnf_fold *fold, struct bnf_plan *plan, enum bnf_reason reason, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* While applying. Backward: the value that the node's output has to become. Forward: what the input becomes. */
bnf_id bnf_plan_becomes(const struct bnf_plan *plan, bnf_id value);

/* Backward: gives a value sent on to its replacement, and forward: an output; fresh when BNF_NONE. BNF_ENOMEM. */
int bnf_plan_replace(struct bnf_fold *fold, struct bnf_plan *plan, bnf_id value, bnf_id replacement,
    struct bnf_err *err);

/* ---- walk.c ---- */

/* Asks operators until nothing is open; YES or why not. */
int bnf_walk_back(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_err *err);
int bnf_walk_forward(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_err *err);

/* True for operators that read extents only: a fold changes none. */
bool bnf_reads_extents(const struct bnf_graph *graph, bnf_id node);

/* Notes a step of the walk when it is traced. */
int bnf_plan_note(struct bnf_fold *fold, struct bnf_plan *plan, struct bnf_err *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
