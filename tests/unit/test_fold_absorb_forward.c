/* Recurrent layers behind an affine, and padded convolutions whose padding an explicit Pad can take over; and every
 * condition on which they refuse. */
#include "support/foldcase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NORM "y = BatchNormalization(c, s, b, m, v)\n"
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
/* An affine on the last axis of x[3,2,4], with and without shift. */
#define LAST "in x float 3,2,4; out z; init e float 4 rand; init f float 4 rand; q = Mul(x, e); y = Add(q, f)\n"
#define SCALED "in x float 3,2,4; out z; init e float 4 rand; y = Mul(x, e)\n"
#define WEIGHTS(dirs, gh, h) \
    "init W float " #dirs "," #gh ",4 rand; init R float " #dirs "," #gh "," #h " rand\n"
#define FOLDED "q folded forward z; y folded forward z"

static const struct foldcase recurrent_cases[] = {
    {"LSTM", LAST WEIGHTS(1, 12, 3) "init B float 1,24 rand; z = LSTM(y, W, R, B) hidden_size=3\n", FOLDED},
    {"LSTM without B", LAST WEIGHTS(1, 12, 3) "z = LSTM(y, W, R) hidden_size=3\n", FOLDED},
    {"LSTM without B, B empty, initial states", LAST WEIGHTS(1, 12, 3) "init h float 1,2,3 rand; init c float 1,2,3 rand\n"
        "z = LSTM(y, W, R, _, _, h, c) hidden_size=3\n", FOLDED},
    {"LSTM bidirectional with peepholes and clip", LAST WEIGHTS(2, 12, 3) "init B float 2,24 rand; init P float 2,9 rand\n"
        "z = LSTM(y, W, R, B, _, _, _, P) hidden_size=3 direction='bidirectional' clip=0.5\n", FOLDED},
    {"LSTM in reverse, batch first", "opset 14; " LAST WEIGHTS(1, 12, 3)
        "z = LSTM(y, W, R) hidden_size=3 direction='reverse' layout=1\n", FOLDED},
    {"LSTM, a scale alone", SCALED WEIGHTS(1, 12, 3) "z = LSTM(y, W, R) hidden_size=3\n", "y folded forward z"},
    {"LSTM of operator set 7", "opset 7; " LAST WEIGHTS(1, 12, 3) "z = LSTM(y, W, R) hidden_size=3\n", FOLDED},
    {"LSTM with open batch and length", "in x float T,N,4; out z; init e float 4 rand; init f float 4 rand\n"
        WEIGHTS(1, 12, 3) "q = Mul(x, e); y = Add(q, f); z = LSTM(y, W, R) hidden_size=3\n", FOLDED},
    {"GRU", LAST WEIGHTS(1, 9, 3) "init B float 1,18 rand; z = GRU(y, W, R, B) hidden_size=3\n", FOLDED},
    {"GRU, linear before reset", LAST WEIGHTS(1, 9, 3)
        "init B float 1,18 rand; z = GRU(y, W, R, B) hidden_size=3 linear_before_reset=1\n", FOLDED},
    {"GRU, linear before reset, without B, bidirectional", LAST WEIGHTS(2, 9, 3)
        "z = GRU(y, W, R) hidden_size=3 linear_before_reset=1 direction='bidirectional'\n", FOLDED},
    {"RNN", LAST WEIGHTS(1, 3, 3) "init B float 1,6 rand; z = RNN(y, W, R, B) hidden_size=3\n", FOLDED},
    {"RNN without B, batch first, bidirectional", "opset 14; " LAST WEIGHTS(2, 3, 3)
        "z = RNN(y, W, R) hidden_size=3 layout=1 direction='bidirectional'\n", FOLDED},
    {"RNN in double", "in x double 3,2,4; out z; init e double 4 rand; init f double 4 rand; q = Mul(x, e); y = Add(q, f)\n"
        "init W double 1,3,4 rand; init R double 1,3,3 rand; z = RNN(y, W, R) hidden_size=3\n", FOLDED},
    {"scalars", "in x float 3,2,4; out z; init e float () 0.25; init f float () 3; q = Sub(x, f); y = Mul(q, e)\n"
        WEIGHTS(1, 3, 3) "z = RNN(y, W, R) hidden_size=3\n", FOLDED},
    {"two layers read it", LAST "out t\n" WEIGHTS(1, 3, 3) "z = RNN(y, W, R) hidden_size=3; init V float 4,2 rand\n"
        "t = MatMul(y, V)\n", "q folded forward z,t; y folded forward z,t"},
    {"a channel with scale 0", "in x float 3,2,4; out z; init e float 4 0 1 2 3; init f float 4 rand; q = Mul(x, e)\n"
        "y = Add(q, f)\n" WEIGHTS(1, 3, 3) "z = RNN(y, W, R) hidden_size=3\n", FOLDED},
    {"a BatchNormalization of (N, C, T) before a Transpose", "in c float 2,4,3; out z; init s float 4 rand; init b float 4 rand\n"
        "init m float 4 rand; init v float 4 pos; init W float 1,12,4 rand; init R float 1,12,3 rand\n" NORM
        "t = Transpose(y) perm=[2,0,1]; z = LSTM(t, W, R) hidden_size=3\n", "y folded forward z"},
    {"a BatchNormalization of (N, C, T) before a Transpose, batch first", "opset 14; in c float N,4,T; out z\n"
        "init s float 4 rand; init b float 4 rand; init m float 4 rand; init v float 4 pos\n"
        "init W float 2,9,4 rand; init R float 2,9,3 rand\n" NORM
        "t = Transpose(y) perm=[0,2,1]; z = GRU(t, W, R) hidden_size=3 layout=1 direction='bidirectional'\n",
        "y folded forward z"},
    {"the batch axis", "in c float 3,2,4; out z; init s float 2 rand; init v float 2 pos\n" WEIGHTS(1, 3, 3)
        "y = BatchNormalization(c, s, s, s, v); i = Identity(y); z = RNN(i, W, R) hidden_size=3\n", "y lowered axis-mismatch"},
    {"computed weights", LAST "in W float 1,3,4; init R float 1,3,3 rand; z = RNN(y, W, R) hidden_size=3\n", ""},
    {"a computed bias", LAST WEIGHTS(1, 3, 3) "in B float 1,6; z = RNN(y, W, R, B) hidden_size=3\n", ""},
    {"the initial state", "in x float 3,2,4; in h float 1,2,3; out z; init s float 2 rand; init v float 2 pos\n"
        WEIGHTS(1, 3, 3) "n = BatchNormalization(h, s, s, s, v); i = Identity(n)\n"
        "z = RNN(x, W, R, _, _, i) hidden_size=3\n", "n lowered consumer-not-linear"},
};

/* mean 0.3 and beta 0 everywhere: the affine takes 0.3 to 0 on every channel, whatever gamma and var are */
#define UNIFORM(t) "init s " t " 3 rand; init b " t " 3 zeros; init m " t " 3 0.3 0.3 0.3; init v " t " 3 pos\n"
#define INPUT "in c float 2,3,7,6; out z; init W float 4,3,3,3 rand\n"

static const struct foldcase padding_cases[] = {
    {"Conv with padding", INPUT UNIFORM("float") NORM "z = Conv(y, W) pads=[1,1,1,1]\n", "y folded forward z"},
    {"the mean alone", INPUT "init s float 3 1.5 2 0.5; init b float 3 0 0 0; init m float 3 0.25 0.25 0.25\n"
        "init v float 3 2.25 4 0.25\n" "y = BatchNormalization(c, s, b, m, v) epsilon=0.0\n"
        "z = Conv(y, W) pads=[1,1,1,1]\n", "y folded forward z"},
    {"uneven padding, strides, dilations, a bias", INPUT "init B float 4 rand\n" UNIFORM("float") NORM
        "z = Conv(y, W, B) pads=[0,2,1,0] strides=[2,1] dilations=[1,2]\n", "y folded forward z"},
    {"groups", "in c float 2,3,7,6; out z; init W float 6,1,3,3 rand\n" UNIFORM("float") NORM
        "z = Conv(y, W) group=3 pads=[1,1,1,1]\n", "y folded forward z"},
    {"1-D", "in c float 2,3,7; out z; init W float 4,3,3 rand\n" UNIFORM("float") NORM "z = Conv(y, W) pads=[2,1]\n",
        "y folded forward z"},
    {"3-D, open batch", "in c float N,3,4,3,5; out z; init W float 4,3,2,3,1 rand\n" UNIFORM("float") NORM
        "z = Conv(y, W) pads=[0,1,0,1,1,0]\n", "y folded forward z"},
    {"SAME_UPPER", INPUT UNIFORM("float") NORM "z = Conv(y, W) auto_pad='SAME_UPPER' strides=[2,2]\n", "y folded forward z"},
    {"SAME_LOWER", "in c float N,3,7,6; out z; init W float 4,3,2,4 rand\n" UNIFORM("float") NORM
        "z = Conv(y, W) auto_pad='SAME_LOWER'\n", "y folded forward z"},
    {"SAME_UPPER of an unknown extent", "in c float 2,3,H,6; out z; init W float 4,3,3,3 rand\n" UNIFORM("float") NORM
        "i = Identity(y); z = Conv(i, W) auto_pad='SAME_UPPER'\n", "y lowered shape-unknown"},
    {"open spatial extents", "in c float N,3,H,W0; out z; init W float 4,3,3,3 rand\n" UNIFORM("float") NORM
        "z = Conv(y, W) pads=[1,1,1,1]\n", "y folded forward z"},
    {"Pad's value as an attribute", "opset 9; " INPUT UNIFORM("float") NORM "z = Conv(y, W) pads=[1,1,1,1]\n",
        "y folded forward z", .in_double = "y lowered padding"},
    {"operator set 11", "opset 11; " INPUT UNIFORM("float") NORM "z = Conv(y, W) pads=[1,1,1,1]\n", "y folded forward z"},
    {"operator set 18", "opset 18; " INPUT UNIFORM("float") NORM "z = Conv(y, W) pads=[1,1,1,1]\n", "y folded forward z"},
    {"float16", "in c float16 2,3,7,6; out z; init W float16 4,3,3,3 rand\n" UNIFORM("float16") NORM
        "z = Conv(y, W) pads=[1,1,1,1]\n", "y folded forward z"},
    {"double", "in c double 2,3,7,6; out z; init W double 4,3,3,3 rand; init s double 3 2 4 0.5\n"
        "init b double 3 zeros; init m double 3 0.25 0.25 0.25; init v double 3 1 1 1\n"
        "y = BatchNormalization(c, s, b, m, v) epsilon=0.0; z = Conv(y, W) pads=[1,1,1,1]\n", "y folded forward z"},
    {"a kernel of one element, and a pool and a scale behind", "in c float 2,1,7,6; out u; init W float 1,1,1,1 1.75\n"
        "init s float 1 1.5; init b float 1 0.3; init m float 1 -0.2; init v float 1 0.4; init k float () 2.3\n" NORM
        "z = Conv(y, W) pads=[0,0,0,1]; p = MaxPool(z) kernel_shape=[1,2]; u = Mul(p, k)\n",
        "y folded forward z; u folded back z"},
    {"an input normalized by scalars", "in x float 1,3,7,6; out z; init W float 4,3,3,3 rand; init f float () 0.45\n"
        "init e float () 0.225; q = Sub(x, f); y = Div(q, e); z = Conv(y, W) pads=[1,1,1,1]\n", FOLDED},
    {"two layers, each pads for itself", INPUT "out t; init V float 2,3,1,1 rand; init U float 2,3,3,3 rand; out r\n"
        UNIFORM("float") NORM "z = Conv(y, W) pads=[1,1,1,1]; t = Conv(y, V); r = Conv(y, U) pads=[2,2,2,2]\n",
        "y folded forward z,t,r"},
    {"channels that differ", INPUT "init s float 3 rand; init b float 3 zeros; init m float 3 1 1 1.5; init v float 3 pos\n" NORM
        "i = Identity(y); z = Conv(i, W) pads=[1,1,1,1]\n", "y lowered padding"},
    {"a scale of 0", INPUT "init s float 3 1 0 2; init b float 3 zeros; init m float 3 1 1 1; init v float 3 pos\n" NORM
        "i = Identity(y); z = Conv(i, W) pads=[1,1,1,1]\n", "y lowered zero-scale"},
    {"operator set 1 has another Pad", "opset 1; ir 3; " INPUT UNIFORM("float")
        "input W; input s; input b; input m; input v; y = BatchNormalization(c, s, b, m, v) is_test=1\n"
        "i = Identity(y); z = Conv(i, W) pads=[1,1,1,1]\n", "y lowered padding"},
    {"double and an attribute that is a float", "opset 9; in c double 2,3,7,6; out z; init W double 4,3,3,3 rand\n"
        "init e double () 0.1; y = Sub(c, e); z = Conv(y, W) pads=[1,1,1,1]\n", ""},
    {"double and an attribute that holds it", "opset 9; in c double 2,3,7,6; out z; init W double 4,3,3,3 rand\n"
        "init e double () 0.5; y = Sub(c, e); z = Conv(y, W) pads=[1,1,1,1]\n", "y folded forward z"},
    {"a value beyond float16", "in c float16 2,3,7,6; out z; init W float16 4,3,3,3 rand; init s float16 3 0.001 0.001 0.001\n"
        "init b float16 3 1000 1000 1000; init m float16 3 0 0 0; init v float16 3 1 1 1\n" NORM
        "i = Identity(y); z = Conv(i, W) pads=[1,1,1,1]\n", "y lowered overflow"},
    {"a value that leaves no room", INPUT "init s float 3 1e-30 1e-30 1e-30; init b float 3 ones; init m float 3 zeros\n"
        "init v float 3 ones\n" NORM "i = Identity(y); z = Conv(i, W) pads=[1,1,1,1]\n", "y lowered overflow",
        .in_double = "y folded forward z"},
    {"ConvTranspose never", "in c float 2,3,5,6; out z; init W float 3,4,3,3 rand\n" UNIFORM("float") NORM
        "i = Identity(y); z = ConvTranspose(i, W)\n", "y lowered padding"},
};

static void test_recurrent(void **state)
{
    (void)state;
    assert_int_equal(foldcase_table(recurrent_cases, COUNT(recurrent_cases)), 0);
}

static void test_padding(void **state)
{
    (void)state;
    assert_int_equal(foldcase_table(padding_cases, COUNT(padding_cases)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recurrent), cmocka_unit_test(test_padding)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
