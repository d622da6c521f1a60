/* Recurrent cells: what the operators (rnn.c) and the arithmetic of one time step (rnn_cell.c) share. */
#ifndef BNF_EVAL_REAL_RNN_H
#define BNF_EVAL_REAL_RNN_H

#include "eval/real/real.h"

enum bnf_activation_kind {
    BNF_ACTIVATION_SIGMOID,
    BNF_ACTIVATION_TANH,
    BNF_ACTIVATION_RELU,
    BNF_ACTIVATION_AFFINE,
    BNF_ACTIVATION_LEAKY_RELU,
    BNF_ACTIVATION_THRESHOLDED_RELU,
    BNF_ACTIVATION_SCALED_TANH,
    BNF_ACTIVATION_HARD_SIGMOID,
    BNF_ACTIVATION_ELU,
    BNF_ACTIVATION_SOFTSIGN,
    BNF_ACTIVATION_SOFTPLUS,
};

struct R(bnf_activation) {
    enum bnf_activation_kind kind;
    real alpha, beta;
};

/* One direction of one operator. Matrices are row-major; a row of W and R is one gate of one hidden unit. */
struct R(bnf_cell) {
    unsigned threads;
    size_t batch, hidden, gates;
    const real *r;                       /* [gates·hidden, hidden] */
    const real *r_bias;                  /* GRU with linear_before_reset: [hidden], inside the reset product; or NULL */
    const real *peepholes;               /* LSTM: [3·hidden] for i, o, f; or NULL */
    struct R(bnf_activation) activate[3];
    real clip;                           /* bound of what activations are given; infinite: none */
    bool linear_before_reset, input_forget;
    real *h, *c;                         /* state, [batch, hidden]; c: LSTM only */
    real *work;                          /* [batch, gates·hidden] */
    real *reset;                         /* GRU: [batch, hidden] */
};

/* One step of the batch's sequences b with active[b]; the others keep their state. x[b]: what the input gives to the
 * gates of sequence b, biases included: [gates·hidden]. */
typedef void R(bnf_step)(struct R(bnf_cell) * cell, const real *const *x, const bool *active);

R(bnf_step) R(bnf_rnn_step);
R(bnf_step) R(bnf_gru_step);
R(bnf_step) R(bnf_lstm_step);

#endif
