/* Attacks on the proof: stored parameters, integers, bodies, functions, extents and versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "support/attack.h"

/* ---- layers ---- */

static void test_layers(void **state)
{
    (void)state;
#define LX "in x float 3,1,2; out y; init R float 1,4,1 rand; "
#define RX "in x float 3,1,2; out y; init R float 1,1,1 1; "
    static const struct attack cases[] = {
        {"the recurrent half of the bias",
            RX "init W float 1,1,2 1 2; init B float 1,2 1 5; init t float 2 1 1; c = Add(x, t); y = RNN(c, "
               "W, R, B) hidden_size=1",
            RX "init W float 1,1,2 1 2; init B float 1,2 4 5; y = RNN(x, W, R, B) hidden_size=1",
            RX "init W float 1,1,2 1 2; init B float 1,2 1 8; y = RNN(x, W, R, B) hidden_size=1"},
        {"the halves exchanged behind a reset gate",
            "in x float 3,1,1; out y; init R float 1,3,1 1 2 3; init W float 1,3,1 2 4 6; init B float 1,6 1 "
            "2 3 4 5 6; init s float () 0.5\n"
            "c = Mul(x, s); y = GRU(c, W, R, B) hidden_size=1 linear_before_reset=1",
            "in x float 3,1,1; out y; init R float 1,3,1 1 2 3; init W float 1,3,1 1 2 3; init B float 1,6 1 "
            "2 3 4 5 6\n"
            "y = GRU(x, W, R, B) hidden_size=1 linear_before_reset=1",
            "in x float 3,1,1; out y; init R float 1,3,1 1 2 3; init W float 1,3,1 1 2 3; init B float 1,6 4 "
            "5 6 1 2 3\n"
            "y = GRU(x, W, R, B) hidden_size=1 linear_before_reset=1"},
        {"the reset gate elsewhere",
            "in x float 3,1,1; out y; init R float 1,3,1 1 2 3; init W float 1,3,1 2 4 6; init B float 1,6 1 "
            "2 3 4 5 6; init s float () 0.5\n"
            "c = Mul(x, s); y = GRU(c, W, R, B) hidden_size=1 linear_before_reset=1",
            "in x float 3,1,1; out y; init R float 1,3,1 1 2 3; init W float 1,3,1 1 2 3; init B float 1,6 1 "
            "2 3 4 5 6\n"
            "y = GRU(x, W, R, B) hidden_size=1 linear_before_reset=1",
            "in x float 3,1,1; out y; init R float 1,3,1 1 2 3; init W float 1,3,1 1 2 3; init B float 1,6 1 "
            "2 3 4 5 6\n"
            "y = GRU(x, W, R, B) hidden_size=1"},
        {"the other direction",
            LX "init W float 1,4,2 2 4 6 8 2 4 6 8; init s float () 0.5; c = Mul(x, s); y = LSTM(c, W, R) "
               "hidden_size=1",
            LX "init W float 1,4,2 1 2 3 4 1 2 3 4; y = LSTM(x, W, R) hidden_size=1",
            LX "init W float 1,4,2 1 2 3 4 1 2 3 4; y = LSTM(x, W, R) hidden_size=1 direction='reverse'"},
        {"the directions exchanged",
            "in x float 3,1,1; out y; init R float 2,1,1 1 2; init W float 2,1,1 2 4; init s float () 0.5; c "
            "= Mul(x, s); y = RNN(c, W, R) hidden_size=1 direction='bidirectional'",
            "in x float 3,1,1; out y; init R float 2,1,1 1 2; init W float 2,1,1 1 2; y = RNN(x, W, R) "
            "hidden_size=1 direction='bidirectional'",
            "in x float 3,1,1; out y; init R float 2,1,1 2 1; init W float 2,1,1 2 1; y = RNN(x, W, R) "
            "hidden_size=1 direction='bidirectional'"},
        {"a gate's scale for another",
            LX "init W float 1,4,2 2 4 6 8 2 4 6 8; init s float 2 0.5 1; c = Mul(x, s); y = LSTM(c, W, R) "
               "hidden_size=1",
            LX "init W float 1,4,2 1 4 3 8 1 4 3 8; y = LSTM(x, W, R) hidden_size=1",
            LX "init W float 1,4,2 2 2 6 4 2 2 6 4; y = LSTM(x, W, R) hidden_size=1"},
        {"the last state for all states",
            LX "init W float 1,4,2 2 4 6 8 2 4 6 8; init s float () 0.5; c = Mul(x, s); _, y = LSTM(c, W, R) "
               "hidden_size=1",
            LX "init W float 1,4,2 1 2 3 4 1 2 3 4; _, y = LSTM(x, W, R) hidden_size=1",
            LX "init W float 1,4,2 1 2 3 4 1 2 3 4; _, _, y = LSTM(x, W, R) hidden_size=1"},
        {"the input and the forget gate exchanged",
            LX "init W float 1,4,2 2 4 6 8 2 4 6 8; init s float () 0.5; c = Mul(x, s); y = LSTM(c, W, R) "
               "hidden_size=1",
            LX "init W float 1,4,2 1 2 3 4 1 2 3 4; y = LSTM(x, W, R) hidden_size=1",
            LX "init W float 1,4,2 1 2 3 4 1 2 3 5; y = LSTM(x, W, R) hidden_size=1"},
        {"another row of a table",
            "in i int64 N; out y; init E float 3,2 1 2 3 4 5 6; init s float 2 2 3; c = Gather(E, i); y = "
            "Mul(c, s)",
            "in i int64 N; out y; init E float 3,2 2 6 6 12 10 18; y = Gather(E, i)",
            "in i int64 N; out y; init E float 3,2 6 12 2 6 10 18; y = Gather(E, i)"},
        {"a table along its other axis",
            "in i int64 N; out y; init E float 2,2 1 2 3 4; init s float () 2; c = Gather(E, i); y = Mul(c, "
            "s)",
            "in i int64 N; out y; init E float 2,2 2 4 6 8; y = Gather(E, i)",
            "in i int64 N; out y; init E float 2,2 2 4 6 8; y = Gather(E, i) axis=1"},
        {"a scale by place, put on the table's rows",
            "in i int64 2; out y; init E float 2,2 1 2 3 4; init s float 2,1 2 3; c = Gather(E, i); y = "
            "Mul(c, s)",
            NULL, "in i int64 2; out y; init E float 2,2 2 4 9 12; y = Gather(E, i)"},
        {"a scale by place, where the rank is not known",
            "in i int64 ?; out y; init E float 2,2 1 2 3 4; init s float 2,1 2 3; c = Gather(E, i); y = "
            "Mul(c, s)",
            NULL, "in i int64 ?; out y; init E float 2,2 2 4 9 12; y = Gather(E, i)"},
        {"a table behind an index that is not the last axis",
            "in i int64 2; out y; init E float 2,2 1 2 3 4; init s float 2 2 3; c = Gather(E, i) axis=1; y = "
            "Mul(c, s)",
            NULL, "in i int64 2; out y; init E float 2,2 2 6 6 12; y = Gather(E, i) axis=1"},
        {"indices exchanged",
            "in i int64 N; in j int64 N; out y; init E float 2,2 1 2 3 4; init s float () 2; c = Gather(E, "
            "i); y = Mul(c, s)",
            "in i int64 N; in j int64 N; out y; init E float 2,2 2 4 6 8; y = Gather(E, i)",
            "in i int64 N; in j int64 N; out y; init E float 2,2 2 4 6 8; y = Gather(E, j)"},
        {"scale and bias exchanged",
            "in x float N,2,3; out y; init k float 2 1 2; init d float 2 3 4; init s float () 2; c = "
            "InstanceNormalization(x, k, d); y = Mul(c, s)",
            "in x float N,2,3; out y; init k float 2 2 4; init d float 2 6 8; y = InstanceNormalization(x, "
            "k, d)",
            "in x float N,2,3; out y; init k float 2 2 4; init d float 2 6 8; y = InstanceNormalization(x, "
            "d, k)"},
        {"normalized over other axes",
            "opset 17; in x float 2,2,2; out y; init k float 2 1 2; init s float () 2; c = "
            "LayerNormalization(x, k) axis=2; y = Mul(c, s)",
            "opset 17; in x float 2,2,2; out y; init k float 2 2 4; y = LayerNormalization(x, k) axis=2",
            "opset 17; in x float 2,2,2; out y; init k float 2 2 4; y = LayerNormalization(x, k) axis=1"},
        {"scaled in front of a normalization",
            "in x float N,2,3; out y; init k float 2 1 2; init d float 2 3 4; init s float () 2; c = Mul(x, "
            "s); y = InstanceNormalization(c, k, d)",
            NULL,
            "in x float N,2,3; out y; init k float 2 1 2; init d float 2 3 4; y = InstanceNormalization(x, "
            "k, d)"},
        {"the mean for the deviation",
            "opset 17; in x float N,2; out y; init k float 2 1 2; init s float () 2; _, y = "
            "LayerNormalization(x, k)",
            "opset 17; in x float N,2; out y; init k float 2 2 4; _, y = LayerNormalization(x, k)",
            "opset 17; in x float N,2; out y; init k float 2 2 4; _, _, y = LayerNormalization(x, k)"},
        {"statistics behind a scale",
            "opset 17; in x float N,2; out y; init k float 2 1 2; init s float () 2; _, c = "
            "LayerNormalization(x, k); y = Mul(c, s)",
            NULL,
            "opset 17; in x float N,2; out y; init k float 2 2 4; init s float () 2; _, y = "
            "LayerNormalization(x, k)"},
        {"an equation read the other way",
            "in x float 2,2; out y; init W float 2,2 1 2 3 4; init s float 2 2 3; c = Einsum(x, W) "
            "equation='ij,jk->ik'; y = Mul(c, s)",
            "in x float 2,2; out y; init W float 2,2 2 6 6 12; y = Einsum(x, W) equation='ij,jk->ik'",
            "in x float 2,2; out y; init W float 2,2 2 6 6 12; y = Einsum(x, W) equation='ij,kj->ik'"},
        {"an equation, the inner axis scaled",
            "in x float 2,2; out y; init W float 2,2 1 2 3 4; init s float 2 2 3; c = Einsum(x, W) "
            "equation='ij,jk->ik'; y = Mul(c, s)",
            "in x float 2,2; out y; init W float 2,2 2 6 6 12; y = Einsum(x, W) equation='ij,jk->ik'",
            "in x float 2,2; out y; init W float 2,2 2 4 9 12; y = Einsum(x, W) equation='ij,jk->ik'"},
        {"an equation, a label the constant does not have",
            "in x float 2,2; out y; init W float 2,2 1 2 3 4; init s float 2,1 2 3; c = Einsum(x, W) "
            "equation='ij,jk->ik'; y = Mul(c, s)",
            NULL, "in x float 2,2; out y; init W float 2,2 2 4 9 12; y = Einsum(x, W) equation='ij,jk->ik'"},
        {"a trace",
            "in x float 2,2; out y; init W float 2,2 1 2 3 4; init s float 2 2 3; c = Einsum(x, W) "
            "equation='ij,kk->ik'; y = Mul(c, s)",
            NULL, "in x float 2,2; out y; init W float 2,2 4 6 6 12; y = Einsum(x, W) equation='ij,kk->ik'"},
        {"axes of one extent exchanged in a product",
            "in x float N,2; out y; init W float 2,2 1 2 3 4; init s float 2 2 3; c = MatMul(x, W); y = "
            "Mul(c, s)",
            "in x float N,2; out y; init W float 2,2 2 6 6 12; y = MatMul(x, W)",
            "in x float N,2; out y; init W float 2,2 2 4 9 12; y = MatMul(x, W)"},
        {"weights on the left",
            "in x float 2,2; out y; init W float 2,2 1 2 3 4; init s float 2 2 3; c = MatMul(W, x); y = "
            "Mul(c, s)",
            NULL, "in x float 2,2; out y; init W float 2,2 2 4 9 12; y = MatMul(W, x)"},
        {"a batch of weights",
            "in x float 2,N,2; out y; init W float 2,2,2 1 2 3 4 5 6 7 8; init s float 2 2 3; c = MatMul(x, "
            "W); y = Mul(c, s)",
            NULL, "in x float 2,N,2; out y; init W float 2,2,2 2 4 6 8 15 18 21 24; y = MatMul(x, W)"},
        {"weights for one output",
            "in x float 2,2; out y; init W float 2 1 2; init s float 2 2 3; c = MatMul(x, W); y = Mul(c, s)",
            NULL, "in x float 2,2; out y; init W float 2 2 6; y = MatMul(x, W)"},
        {"a bias by rows",
            "in x float 2,2; out y; init W float 2,2 1 2 3 4; init c float 2 5 6; y = Gemm(x, W, c)",
            "in x float 2,2; out y; init W float 2,2 1 2 3 4; init c float 1,2 5 6; y = Gemm(x, W, c)",
            "in x float 2,2; out y; init W float 2,2 1 2 3 4; init c float 2,1 5 6; y = Gemm(x, W, c)"},
        {"the bias times beta",
            "in x float N,2; out y; init W float 2,2 1 2 3 4; init c float 2 5 6; y = Gemm(x, W, c) beta=2.0",
            "in x float N,2; out y; init W float 2,2 1 2 3 4; init c float 2 10 12; y = Gemm(x, W, c)",
            "in x float N,2; out y; init W float 2,2 1 2 3 4; init c float 2 5 6; y = Gemm(x, W, c)"},
        {"groups exchanged",
            "in x float N,2,3; out y; init W float 2,1,1 1 2; init s float 2,1 2 3; c = Conv(x, W) group=2; "
            "y = Mul(c, s)",
            "in x float N,2,3; out y; init W float 2,1,1 2 6; y = Conv(x, W) group=2",
            "in x float N,2,3; out y; init W float 2,1,1 3 4; y = Conv(x, W) group=2"},
        {"groups exchanged in a transposed one",
            "in x float N,4,3; out y; init W float 4,1,2 1 2 3 4 5 6 7 8; init s float 2,1 2 3; c = "
            "ConvTranspose(x, W) group=2; y = Mul(c, s)",
            "in x float N,4,3; out y; init W float 4,1,2 2 4 6 8 15 18 21 24; y = ConvTranspose(x, W) "
            "group=2",
            "in x float N,4,3; out y; init W float 4,1,2 2 4 9 12 10 12 21 24; y = ConvTranspose(x, W) "
            "group=2"},
        {"another output_padding",
            "in x float N,2,3; out y; init W float 2,1,2 1 2 3 4; init s float () 2; c = ConvTranspose(x, W) "
            "strides=[2] output_padding=[1]; y = Mul(c, s)",
            "in x float N,2,3; out y; init W float 2,1,2 2 4 6 8; y = ConvTranspose(x, W) strides=[2] "
            "output_padding=[1]",
            "in x float N,2,3; out y; init W float 2,1,2 2 4 6 8; y = ConvTranspose(x, W) strides=[2]"},
    };
    ATTACK(cases);
}

/* ---- integers ---- */

static void test_quantized(void **state)
{
    (void)state;
#define QX "in x float N,2; out y; "
#define QREF                                                                                               \
    QX "init q uint8 2,2 100 130 140 150; init z uint8 () 128; init s float () 0.5; init m float 2 -2 2\n" \
       "w = DequantizeLinear(q, s, z); c = MatMul(x, w); y = Mul(c, m)"
    static const struct attack cases[] = {
        {"turned around zero", QREF,
            QX "init q uint8 2,2 156 130 116 150; init z uint8 () 128; init s float () 1; w = "
               "DequantizeLinear(q, s, z); y = MatMul(x, w)",
            QX "init q uint8 2,2 155 130 115 150; init z uint8 () 128; init s float () 1; w = "
               "DequantizeLinear(q, s, z); y = MatMul(x, w)"},
        {"turned around zero, wrapping",
            QX "init q int8 2,2 -128 3 4 5; init s float () 0.5; init m float 2 -2 2; w = "
               "DequantizeLinear(q, s); c = MatMul(x, w); y = Mul(c, m)",
            NULL,
            QX
            "init q int8 2,2 -128 3 -4 5; init s float () 1; w = DequantizeLinear(q, s); y = MatMul(x, w)"},
        {"the zero point wraps",
            QX "init q uint8 2,2 1 2 3 4; init z uint8 () 0; init s float () 0.5; w = DequantizeLinear(q, s, "
               "z); y = MatMul(x, w)",
            NULL,
            QX "init q uint8 2,2 1 2 3 4; init z uint8 () 255; init s float () 0.5; w = DequantizeLinear(q, "
               "s, z); y = MatMul(x, w)"},
        {"the zero point off by one", QREF,
            QX "init q uint8 2,2 156 130 116 150; init z uint8 () 128; init s float () 1; w = "
               "DequantizeLinear(q, s, z); y = MatMul(x, w)",
            QX "init q uint8 2,2 156 130 116 150; init z uint8 () 127; init s float () 1; w = "
               "DequantizeLinear(q, s, z); y = MatMul(x, w)"},
        {"scales on the other axis",
            QX "init q int8 2,2 1 2 3 4; init s float 2 0.5 0.25; w = DequantizeLinear(q, s) axis=1; y = "
               "MatMul(x, w)",
            QX "init w float 2,2 0.5 0.5 1.5 1; y = MatMul(x, w)",
            QX "init q int8 2,2 1 2 3 4; init s float 2 0.5 0.25; w = DequantizeLinear(q, s) axis=0; y = "
               "MatMul(x, w)"},
        {"signed for unsigned",
            QX
            "init q uint8 2,2 1 2 3 250; init s float () 0.5; w = DequantizeLinear(q, s); y = MatMul(x, w)",
            QX "init w float 2,2 0.5 1 1.5 125; y = MatMul(x, w)",
            QX "init q int8 2,2 1 2 3 -6; init s float () 0.5; w = DequantizeLinear(q, s); y = MatMul(x, w)"},
        {"a bias that wraps",
            "in x float N,1,3; out y; init w float 1,1,1 1; init q int32 1 2147483647; init s float () 0.5; "
            "b = DequantizeLinear(q, s); y = Conv(x, w, b)",
            "in x float N,1,3; out y; init w float 1,1,1 1; init b float 1 1073741824; y = Conv(x, w, b)",
            "in x float N,1,3; out y; init w float 1,1,1 1; init q int32 1 -2147483648; init s float () 0.5; "
            "b = DequantizeLinear(q, s); y = Conv(x, w, b)"},
        {"a scale moved through rounding",
            "in x float N; out y; init s float () 0.5; init z uint8 () 0; init m float () 2; q = "
            "QuantizeLinear(x, s, z); d = DequantizeLinear(q, s, z); y = Mul(d, m)",
            NULL,
            "in x float N; out y; init s float () 0.5; init z uint8 () 0; init m float () 2; e = Mul(x, m); "
            "q = QuantizeLinear(e, s, z); y = DequantizeLinear(q, s, z)"},
        {"a scale moved through rounding, into the step",
            "in x float N; out y; init s float () 0.5; init z uint8 () 0; init m float () 2; q = "
            "QuantizeLinear(x, s, z); d = DequantizeLinear(q, s, z); y = Mul(d, m)",
            NULL,
            "in x float N; out y; init s float () 0.5; init t float () 1; init z uint8 () 0; q = "
            "QuantizeLinear(x, t, z); y = DequantizeLinear(q, t, z)"},
    };
    ATTACK(cases);
}

/* ---- bodies, functions, extents ---- */

static void test_scopes(void **state)
{
    (void)state;
#define BR(t, e)                                                                                            \
    "in c bool; in x float N,2; out y; init s float () 2; init r float () 3\ny = If(c) then_branch={\nout " \
    "p\n" t "\n} else_branch={\nout q\n" e "\n}\n"
#define FN(name, body) "function com.acme." name "(a, b) {\nout o\n" body "\n}\n"
#define FX "opset com.acme 1; in x float N,2; in z float N,2; out y\n"
    static const struct attack cases[] = {
        {"branches exchanged", BR("p = Mul(x, s)", "q = Mul(x, r)"), BR("p = Mul(x, s)", "q = Mul(x, r)"),
            BR("p = Mul(x, r)", "q = Mul(x, s)")},
        {"branches exchanged, and operators", BR("p = Relu(x)", "q = Neg(x)"),
            BR("k = Relu(x); p = Identity(k)", "q = Neg(x)"), BR("p = Neg(x)", "q = Relu(x)")},
        {"a shift in front of one branch only", BR("p = Relu(x)", "q = Mul(x, r)"), NULL,
            "in c bool; in x float N,2; out y; init s float () 2; init r float () 3; k = Mul(x, r)\ny = "
            "If(c) then_branch={\nout p\np = Relu(k)\n} else_branch={\nout q\nq = Identity(k)\n}\n"},
        {"the condition turned", BR("p = Relu(x)", "q = Neg(x)"), NULL,
            "in c bool; in x float N,2; out y; d = Not(c)\ny = If(d) then_branch={\nout p\np = Relu(x)\n} "
            "else_branch={\nout q\nq = Neg(x)\n}\n"},
        {"an operand of a call for the other", FX "y = com.acme.F(x, z)\n" FN("F", "o = Sub(a, b)"),
            FX "y = com.acme.F(x, z)\n" FN("F", "t = Sub(a, b); o = Identity(t)"),
            FX "y = com.acme.F(z, x)\n" FN("F", "o = Sub(a, b)")},
        {"operands exchanged, and in the body as well, but one use",
            FX "u = com.acme.F(x, z); v = com.acme.F(x, z); y = Add(u, v)\n" FN("F", "o = Sub(a, b)"), NULL,
            FX "u = com.acme.F(z, x); v = com.acme.F(x, z); y = Add(u, v)\n" FN("F", "o = Sub(b, a)")},
        {"another body", FX "y = com.acme.F(x, z)\n" FN("F", "o = Sub(a, b)"), NULL,
            FX "y = com.acme.F(x, z)\n" FN("F", "o = Sub(b, a)")},
        {"another function", FX "y = com.acme.F(x, z)\n" FN("F", "o = Sub(a, b)") FN("G", "o = Add(a, b)"),
            NULL, FX "y = com.acme.G(x, z)\n" FN("F", "o = Sub(a, b)") FN("G", "o = Add(a, b)")},
        {"the shape of another value",
            "in x float N,2; in z float M,2; out y; h = Shape(x); r = Relu(x); y = Expand(z, h)", NULL,
            "in x float N,2; in z float M,2; out y; h = Shape(z); r = Relu(x); y = Expand(z, h)"},
        {"the shape of what is broadcast",
            "in x float N,2; in z float M,2; out y; u = Add(x, z); h = Shape(u); y = Reshape(x, h)", NULL,
            "in x float N,2; in z float M,2; out y; h = Shape(x); y = Reshape(x, h)"},
        {"the shape of what a constant broadcasts",
            "in x float N,H; out y; init s float 4 1 2 3 4; u = Mul(x, s); y = Shape(u)", NULL,
            "in x float N,H; out y; y = Shape(x)"},
        {"the shape of what a larger constant broadcasts",
            "in x float N,1; out y; init s float 1 2; u = Mul(x, s); y = Shape(u)", NULL,
            "in x float N,1; out y; init s float 2 2 2; u = Mul(x, s); y = Shape(u)"},
        {"the shape of what was chosen", "in x float N; out y; a = NonZero(x); y = Shape(a)", NULL,
            "in x float N; out y; b = Neg(x); c = Relu(b); a = NonZero(c); y = Shape(a)"},
        {"the shape of a range",
            "in x float; in z float; out y; init o float () 0; init d float () 1; a = Range(o, x, d); y = "
            "Shape(a)",
            NULL,
            "in x float; in z float; out y; init o float () 0; init d float () 1; a = Range(o, z, d); y = "
            "Shape(a)"},
        {"the shape of what is resized",
            "in x float 1,1,H,W; in z float 4; out y; a = Resize(x, _, z); y = Shape(a)", NULL,
            "in x float 1,1,H,W; in z float 4; out y; y = Shape(x)"},
        {"the shape of what is expanded",
            "in x float N,1; in e int64 2; in f int64 2; out y; a = Expand(x, e); y = Shape(a)", NULL,
            "in x float N,1; in e int64 2; in f int64 2; out y; a = Expand(x, f); y = Shape(a)"},
        {"the shape of a convolution with another window",
            "in x float N,2,H; out y; init W float 2,2,3 rand; a = Conv(x, W); y = Shape(a)",
            "in x float N,2,H; out y; init V float 2,2,3 rand; a = Conv(x, V); y = Shape(a)",
            "in x float N,2,H; out y; init V float 2,2,2 rand; a = Conv(x, V); y = Shape(a)"},
        {"the shape of a padded convolution",
            "in x float N,2,H; out y; init W float 2,2,3 rand; a = Conv(x, W); y = Shape(a)", NULL,
            "in x float N,2,H; out y; init V float 2,2,3 rand; a = Conv(x, V) pads=[0,1]; y = Shape(a)"},
        {"the shape of another part",
            "in x float N,H; in z int64 2; out y; a, b = Split(x, z) axis=1; y = Shape(a)", NULL,
            "in x float N,H; in z int64 2; out y; a, b = Split(x, z) axis=1; y = Shape(b)"},
        {"the shape of a joined value",
            "in x float N,H; in z float M,H; out y; a = Concat(x, z) axis=0; y = Shape(a)", NULL,
            "in x float N,H; in z float M,H; out y; a = Concat(x, x) axis=0; y = Shape(a)"},
        {"the shape up to another axis", "in x float N,H,2; out y; r = Relu(x); y = Shape(r)", NULL,
            "opset 15; in x float N,H,2; out y; r = Relu(x); y = Shape(r) end=2"},
        {"dropout that draws",
            "in x float N; out y; init t bool () 0; init r float () 0.5; y = Dropout(x, r, t)",
            "in x float N; out y; y = Identity(x)",
            "in x float N; out y; init t bool () 1; init r float () 0.5; y = Dropout(x, r, t)"},
        {"statistics of the batch",
            "opset 15; in x float N,2; out y; init s float 2 1 1; init b float 2 0 0; y = "
            "BatchNormalization(x, s, b, b, s) epsilon=0.0",
            "opset 15; in x float N,2; out y; y = Identity(x)",
            "opset 15; in x float N,2; out y; init s float 2 1 1; init b float 2 0 0; y, m, v = "
            "BatchNormalization(x, s, b, b, s) epsilon=0.0 training_mode=1"},
        {"a cast that rounds", "in x float N; out y; a = Cast(x) to=10; y = Cast(a) to=1", NULL,
            "in x float N; out y; y = Identity(x)"},
        {"a cast that rounds behind a scale",
            "in x float N; out y; init s float () 2; a = Cast(x) to=6; b = Cast(a) to=1; y = Mul(b, s)", NULL,
            "in x float N; out y; init s float () 2; c = Mul(x, s); a = Cast(c) to=6; y = Cast(a) to=1"},
    };
    ATTACK(cases);
}

/* ---- other versions, other inputs ---- */

static void test_versions(void **state)
{
    (void)state;
#define SOFT(opset, axis) \
    "opset " opset "; in x float 2,3,4; out y; init s float () 2; c = Softmax(x) " axis "; y = Mul(c, s)"
    static const struct attack cases[] = {
        {"Softmax of another version", SOFT("12", "axis=2"), NULL, SOFT("13", "axis=1")},
        {"Softmax of another version, by default", SOFT("12", ""), NULL, SOFT("13", "")},
        {"Softmax of another version, the same axis", SOFT("12", "axis=1"), NULL, SOFT("13", "axis=1")},
        {"Resize of another version",
            "opset 10; in x float 1,1,4; out y; init z float 3 1 1 2; y = Resize(x, z) mode='linear'", NULL,
            "opset 11; in x float 1,1,4; out y; init z float 3 1 1 2; y = Resize(x, _, z) mode='linear'"},
        {"the largest one's place", "in x float 1,1,4,4; out y; out i; y, i = MaxPool(x) kernel_shape=[2,2]",
            NULL,
            "in x float 1,1,4,4; out y; out i; d = Neg(x); c, i = MaxPool(d) kernel_shape=[2,2]; y = Neg(c)"},
        {"places counted by columns", "in x float 1,1,4,4; out i; _, i = MaxPool(x) kernel_shape=[2,2]", NULL,
            "in x float 1,1,4,4; out i; _, i = MaxPool(x) kernel_shape=[2,2] storage_order=1"},
        {"another length of sequences",
            "in x float 3,1,2; in l int32 1; in m int32 1; out y; init W float 1,1,2 2 4; init R float 1,1,1 "
            "1; init s float () 0.5; c = Mul(x, s); y = RNN(c, W, R, _, l) hidden_size=1",
            "in x float 3,1,2; in l int32 1; in m int32 1; out y; init W float 1,1,2 1 2; init R float 1,1,1 "
            "1; y = RNN(x, W, R, _, l) hidden_size=1",
            "in x float 3,1,2; in l int32 1; in m int32 1; out y; init W float 1,1,2 1 2; init R float 1,1,1 "
            "1; y = RNN(x, W, R, _, m) hidden_size=1"},
        {"batch for sequence",
            "opset 14; in x float 2,2,2; out y; init W float 1,1,2 2 4; init R float 1,1,1 1; init s float "
            "() 0.5; c = Mul(x, s); _, h = RNN(c, W, R) hidden_size=1 layout=1; y = Flatten(h) axis=0",
            "opset 14; in x float 2,2,2; out y; init W float 1,1,2 1 2; init R float 1,1,1 1; _, h = RNN(x, "
            "W, R) hidden_size=1 layout=1; y = Flatten(h) axis=0",
            "opset 14; in x float 2,2,2; out y; init W float 1,1,2 1 2; init R float 1,1,1 1; _, h = RNN(x, "
            "W, R) hidden_size=1; y = Flatten(h) axis=0"},
        {"another activation",
            "in x float 3,1,2; out y; init W float 1,1,2 2 4; init R float 1,1,1 1; init s float () 0.5; c = "
            "Mul(x, s); y = RNN(c, W, R) hidden_size=1",
            "in x float 3,1,2; out y; init W float 1,1,2 1 2; init R float 1,1,1 1; y = RNN(x, W, R) "
            "hidden_size=1",
            "in x float 3,1,2; out y; init W float 1,1,2 1 2; init R float 1,1,1 1; y = RNN(x, W, R) "
            "hidden_size=1 clip=1.0"},
        {"one round more",
            "in x float N; out y; init n int64 () 3; init s float () 2; y = Loop(n, _, x) body={\nin i "
            "int64; in k bool; in a float N; out k; out p\np = Mul(a, s)\n}",
            "in x float N; out y; init n int64 () 3; init s float () 2; y = Loop(n, _, x) body={\nin i "
            "int64; in k bool; in b float N; out k; out q\nq = Mul(b, s)\n}",
            "in x float N; out y; init n int64 () 4; init s float () 2; y = Loop(n, _, x) body={\nin i "
            "int64; in k bool; in a float N; out k; out p\np = Mul(a, s)\n}"},
        {"a scale taken out of a loop",
            "in x float N; out y; init n int64 () 3; init s float () 2; y = Loop(n, _, x) body={\nin i "
            "int64; in k bool; in a float N; out k; out p\np = Mul(a, s)\n}",
            NULL,
            "in x float N; out y; init n int64 () 3; init s float () 2; z = Mul(x, s); y = Loop(n, _, z) "
            "body={\nin i int64; in k bool; in a float N; out k; out p\np = Identity(a)\n}"},
        {"states of a loop exchanged in the body",
            "in x float N; out y; init n int64 () 3; init s float () 2; r = Relu(x); y, z = Loop(n, _, x, r) "
            "body={\nin i int64; in k bool; in a float N; in b float N; out k; out p; out q\np = Add(a, b); "
            "q = Mul(b, s)\n}",
            NULL,
            "in x float N; out y; init n int64 () 3; init s float () 2; r = Relu(x); y, z = Loop(n, _, x, r) "
            "body={\nin i int64; in k bool; in b float N; in a float N; out k; out p; out q\np = Add(a, b); "
            "q = Mul(b, s)\n}"},
        {"a state and what it starts with exchanged",
            "in x float N; in w float N; out y; init n int64 () 3; y, z = Loop(n, _, x, w) body={\nin i "
            "int64; in k bool; in a float N; in b float N; out k; out p; out q\np = Add(a, b); q = "
            "Relu(b)\n}",
            NULL,
            "in x float N; in w float N; out y; init n int64 () 3; y, z = Loop(n, _, w, x) body={\nin i "
            "int64; in k bool; in a float N; in b float N; out k; out p; out q\np = Add(a, b); q = "
            "Relu(b)\n}"},
        {"names exchanged",
            "in x float N,2; out y; out z; init s float 2 2 3; a = Mul(x, s); b = Neg(x); y = Relu(a); z = "
            "Relu(b)",
            "in x float N,2; out y; out z; init s float 2 2 3; b = Mul(x, s); a = Neg(x); y = Relu(b); z = "
            "Relu(a)",
            "in x float N,2; out y; out z; init s float 2 2 3; b = Mul(x, s); a = Neg(x); y = Relu(a); z = "
            "Relu(b)"},
        {"weights of another group layout",
            "in x float N,2,5; out y; init W float 2,1,3 1 2 3 4 5 6; init s float () 2; c = Conv(x, W) "
            "group=2; y = Mul(c, s)",
            "in x float N,2,5; out y; init W float 2,1,3 2 4 6 8 10 12; y = Conv(x, W) group=2",
            "in x float N,2,5; out y; init W float 2,2,3 2 4 6 0 0 0 8 10 12 0 0 0; y = Conv(x, W)"},
        {"a shape that keeps zeros",
            "opset 14; in x float 2,3; out y; init z int64 2 0 3; init s float () 2; c = Reshape(x, z); y = "
            "Mul(c, s)",
            "opset 14; in x float 2,3; out y; init z int64 2 0 3; init s float () 2; c = Mul(x, s); y = "
            "Reshape(c, z)",
            "opset 14; in x float 2,3; out y; init z int64 2 0 3; init s float () 2; c = Mul(x, s); y = "
            "Reshape(c, z) allowzero=1"},
    };
    ATTACK(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_quantized),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
