/* Quantized weights: the affine goes into the scales of their DequantizeLinear, and the integers stay. */
#include "base/buf.h"
#include "graph/attr.h"
#include "onnx/tensor.h"
#include "support/foldcase.h"
#include "support/folding.h"
#include "support/notation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BN(n) "init s float " #n " pos; init b float " #n " rand; init m float " #n " rand; init v float " #n " pos\n"
#define SIGNED_BN(n) "init s float " #n " rand; init b float " #n " rand; init m float " #n " rand; init v float " #n " pos\n"
#define NORM "y = BatchNormalization(c, s, b, m, v)\n"
#define ONE "init k float () 0.0078125\n"
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct foldcase back_cases[] = {
    {"conv, one scale", "in x float N,3,5,6; out y; init q int8 4,3,3,3 rand\n" ONE BN(4)
        "w = DequantizeLinear(q, k); c = Conv(x, w) pads=[1,1,1,1]\n" NORM, "y folded back c"},
    {"conv, one scale of rank 1, a zero point", "in x float 2,3,5,6; out y; init q uint8 4,3,3,3 rand\n"
        "init k float 1 0.01; init z uint8 1 128\n" SIGNED_BN(4) "w = DequantizeLinear(q, k, z); c = Conv(x, w)\n" NORM,
        "y folded back c"},
    {"conv, a scale for each channel, with bias", "in x float 2,3,5,6; out y; init q int8 4,3,3,3 rand; init k float 4 pos\n"
        "init B float 4 rand\n" SIGNED_BN(4) "w = DequantizeLinear(q, k) axis=0; c = Conv(x, w, B)\n" NORM,
        "y folded back c"},
    {"float weights that are quantized on the way", "in x float 2,3,5,6; out y; init W float 4,3,3,3 rand\n"
        "init z int8 () 0\n" ONE BN(4) "q = QuantizeLinear(W, k, z); w = DequantizeLinear(q, k, z); c = Conv(x, w)\n" NORM,
        "y folded back c", {0}, true},
    {"float weights that are quantized on the way, a sign", "in x float 2,3,5,6; out y; init W float 4,3,3,3 rand\n"
        "init k float 4 0.01 0.02 0.03 0.04; init z int8 4 zeros\n" SIGNED_BN(4)
        "q = QuantizeLinear(W, k, z) axis=0; w = DequantizeLinear(q, k, z) axis=0; c = Conv(x, w)\n" NORM, "y folded back c", {0}, true},
    {"conv 1-D, per channel, zero points", "in x float 2,3,7; out y; init q uint8 4,3,3 rand; init k float 4 pos\n"
        "init z uint8 4 128 127 128 126\n" BN(4) "w = DequantizeLinear(q, k, z) axis=-3; c = Conv(x, w)\n" NORM,
        "y folded back c"},
    {"conv 3-D", "in x float 1,2,4,5,3; out y; init q int8 3,2,2,2,2 rand\n" ONE BN(3)
        "w = DequantizeLinear(q, k); c = Conv(x, w)\n" NORM, "y folded back c"},
    {"conv grouped", "in x float 2,4,5,5; out y; init q int8 6,2,3,3 rand\n" ONE SIGNED_BN(6)
        "w = DequantizeLinear(q, k); c = Conv(x, w) group=2\n" NORM, "y folded back c"},
    {"conv depthwise", "in x float 2,3,5,5; out y; init q int8 3,1,3,3 rand\n" ONE BN(3)
        "w = DequantizeLinear(q, k); c = Conv(x, w) group=3\n" NORM, "y folded back c"},
    {"conv pointwise with one input channel", "in x float 2,1,5,5; out y; init q int8 3,1,1,1 rand\n" ONE BN(3)
        "w = DequantizeLinear(q, k); c = Conv(x, w)\n" NORM, "y folded back c"},
    {"a quantized bias becomes float", "in x float 2,3,5,6; out y; init q int8 4,3,3,3 rand; init r int32 4 rand\n"
        "init k float 4 pos; init d float 4 pos\n" BN(4) "w = DequantizeLinear(q, k) axis=0\n"
        "B = DequantizeLinear(r, d) axis=0; c = Conv(x, w, B)\n" NORM, "y folded back c"},
    {"a quantized bias of one scale", "in x float 2,3,5,6; out y; init q int8 4,3,3,3 rand; init r int32 4 rand\n"
        "init z int32 () 0\n" ONE BN(4) "w = DequantizeLinear(q, k); B = DequantizeLinear(r, k, z); c = Conv(x, w, B)\n" NORM,
        "y folded back c"},
    {"a quantized bias beside float weights", "in x float 2,3,5,6; out y; init W float 4,3,3,3 rand; init r int32 4 rand\n"
        ONE BN(4) "B = DequantizeLinear(r, k); c = Conv(x, W, B)\n" NORM, "y folded back c"},
    {"quantized statistics", "in x float 2,3,5,6; out y; init W float 4,3,3,3 rand; init r int8 4 rand\n" ONE
        "init b float 4 rand; init m float 4 rand; init v float 4 pos; s = DequantizeLinear(r, k); c = Conv(x, W)\n" NORM,
        "y folded back c"},
    {"operator set 10, equal factors", "opset 10; in x float 2,3,5,6; out y; init q int8 4,3,3,3 rand\n" ONE
        "init h float () 0.3; w = DequantizeLinear(q, k); c = Conv(x, w); y = Mul(c, h)\n", "y folded back c"},
    {"equal factors, scales on another axis", "in x float 2,3,5,6; out y; init q int8 4,3,3,3 rand; init k float 3 pos\n"
        "init h float () -0.3; w = DequantizeLinear(q, k) axis=1; c = Conv(x, w); y = Mul(c, h)\n", "y folded back c"},
    {"two affines", "in x float 2,3,5,6; out y; init q int8 4,3,3,3 rand; init h float 4,1,1 rand\n" ONE SIGNED_BN(4)
        "w = DequantizeLinear(q, k); u = Conv(x, w); c = Mul(u, h)\n" NORM, "c folded back u; y folded back u"},
    {"a shift alone", "in x float 2,3,5,6; out y; init q int8 4,3,3,3 rand; init h float 4,1,1 rand\n" ONE
        "w = DequantizeLinear(q, k); c = Conv(x, w); y = Add(c, h)\n", "y folded back c"},
    {"convtranspose", "in x float 2,3,4,5; out y; init q int8 3,4,3,3 rand\n" ONE SIGNED_BN(4)
        "w = DequantizeLinear(q, k); c = ConvTranspose(x, w) strides=[2,2]\n" NORM, "y folded back c"},
    {"convtranspose, per channel", "in x float 2,3,4,5; out y; init q int8 3,4,3,3 rand; init k float 4 pos\n" BN(4)
        "w = DequantizeLinear(q, k); c = ConvTranspose(x, w)\n" NORM, "y folded back c"},
    {"convtranspose depthwise", "in x float 2,4,5; out y; init q int8 4,1,3 rand\n" ONE BN(4)
        "w = DequantizeLinear(q, k); c = ConvTranspose(x, w) group=4\n" NORM, "y folded back c"},
    {"gemm", "in x float 2,3; out y; init q int8 3,4 rand; init C float 4 rand\n" ONE SIGNED_BN(4)
        "w = DequantizeLinear(q, k); c = Gemm(x, w, C) alpha=0.5 beta=2.0\n" NORM, "y folded back c"},
    {"gemm, per column", "in x float 2,3; out y; init q int8 3,4 rand; init k float 4 pos\n" BN(4)
        "w = DequantizeLinear(q, k); c = Gemm(x, w)\n" NORM, "y folded back c"},
    {"gemm transB", "in x float 2,3; out y; init q uint8 4,3 rand; init z uint8 () 128\n" ONE BN(4)
        "w = DequantizeLinear(q, k, z); c = Gemm(x, w) transB=1\n" NORM, "y folded back c"},
    {"gemm transB, per row", "in x float 2,3; out y; init q int8 4,3 rand; init k float 4 pos; init C float 4 rand\n" BN(4)
        "w = DequantizeLinear(q, k) axis=0; c = Gemm(x, w, C) transB=1\n" NORM, "y folded back c"},
    {"matmul", "in x float 2,3; out y; init q int8 3,4 rand\n" ONE SIGNED_BN(4)
        "w = DequantizeLinear(q, k); c = MatMul(x, w)\n" NORM, "y folded back c"},
    {"matmul, per column", "in x float 2,3; out y; init q int8 3,4 rand; init k float 4 pos\n" BN(4)
        "w = DequantizeLinear(q, k) axis=-1; c = MatMul(x, w)\n" NORM, "y folded back c"},
    {"matmul with the weight on the left", "in x float 2,3,5; out y; init q int8 4,3 rand\n" ONE BN(4)
        "w = DequantizeLinear(q, k); c = MatMul(w, x)\n" NORM, "y folded back c"},
    {"matmul with a batch of weights", "in x float 2,5,3; out y; init q int8 2,3,4 rand; init h float 4 rand\n" ONE
        "w = DequantizeLinear(q, k); c = MatMul(x, w); y = Mul(c, h)\n", "y folded back c"},
    {"16 bits", "opset 21; ir 10; in x float 2,3,5,6; out y; init q int16 4,3,1,1 rand; init k float () 0.0001\n" SIGNED_BN(4)
        "w = DequantizeLinear(q, k); c = Conv(x, w)\n" NORM, "y folded back c"},
    {"unsigned 16 bits", "opset 21; ir 10; in x float 2,3,5,6; out y; init q uint16 4,3,1,1 rand; init k float () 0.0001\n"
        "init z uint16 () 32768\n" SIGNED_BN(4) "w = DequantizeLinear(q, k, z); c = Conv(x, w)\n" NORM, "y folded back c"},
    {"4 bits", "opset 21; ir 10; in x float 2,3,5,6; out y; init q int4 3,3,1,1 rand; init k float () 0.125; init z int4 () 0\n"
        SIGNED_BN(3) "w = DequantizeLinear(q, k, z); c = Conv(x, w)\n" NORM, "y folded back c"},
    {"unsigned 4 bits, per channel", "opset 21; ir 10; in x float 2,3,5,6; out y; init q uint4 3,3,1,1 rand\n"
        "init k float 3 pos; init z uint4 3 8 8 8\n" SIGNED_BN(3)
        "w = DequantizeLinear(q, k, z) axis=0; c = Conv(x, w)\n" NORM, "y folded back c"},
    {"float16 scales", "opset 19; ir 9; in x float16 2,3,5,6; out y; init q int8 4,3,3,3 rand; init k float16 () 0.0078125\n"
        "init s float16 4 pos; init b float16 4 rand; init m float16 4 rand; init v float16 4 pos\n"
        "w = DequantizeLinear(q, k); c = Conv(x, w)\n" NORM, "y folded back c"},
    {"a dead channel", "in x float 2,3,5,6; out y; init q int8 2,3,3,3 rand; init s float 2 0 1; init b float 2 1 2\n" ONE
        "init m float 2 1 2; init v float 2 1 2; w = DequantizeLinear(q, k); c = Conv(x, w)\n" NORM, "y folded back c"},
    {"read by two layers", "in x float 2,3,5,6; out y; out z; init q int8 4,3,3,3 rand\n" ONE BN(4)
        "w = DequantizeLinear(q, k); c = Conv(x, w); z = Conv(x, w) pads=[1,1,1,1]\n" NORM, "y folded back c"},
    {"two layers that both fold", "in x float 2,3,5,6; out y; out z; init q int8 4,3,3,3 rand\n" ONE SIGNED_BN(4)
        "w = DequantizeLinear(q, k); c = Conv(x, w); d = Conv(x, w) pads=[1,1,1,1]\n" NORM
        "z = BatchNormalization(d, b, s, m, v)\n", "y folded back c; z folded back d"},
    {"inside a body, dequantized outside", "in x float 2,3,5,6; in p bool; out z; init q int8 4,3,1,1 rand\n" ONE
        "w = DequantizeLinear(q, k)\n"
        "z = If(p) then_branch={\n out y\n" SIGNED_BN(4) "c = Conv(x, w)\n" NORM "} else_branch={\n out e; e = Conv(x, w)\n}\n",
        "y folded back c", {0}, true},
    {"inside a function", "opset f 1; in x float 2,3,5,6; out o\nfunction f.Block(X) { opset 13; out y\n"
        "init q int8 4,3,1,1 rand; init z int8 () 3\n" ONE SIGNED_BN(4) "w = DequantizeLinear(q, k, z); c = Conv(X, w)\n" NORM
        "}\no = f.Block(x)", "y folded back c", {0}, true},
    {"integers through Identity, from a Constant node", "in x float 2,1,3,3; out y; init s float 2 1 -2; init b float 2 1 2\n"
        "init m float 2 0 1; init v float 2 1 2; k = Constant() value=float[1]{0.5}\n"
        "q = Constant() value=int8[2,1,1,1]{3 -4}; i = Identity(q); w = DequantizeLinear(i, k); c = Conv(x, w)\n" NORM,
        "y folded back c"},
};

static const struct foldcase forward_cases[] = {
    {"forward into conv", "in c float 2,3,5,6; out z; init q int8 4,3,3,3 rand\n" ONE SIGNED_BN(3) NORM
        "w = DequantizeLinear(q, k); z = Conv(y, w)\n", "y folded forward z"},
    {"forward into conv, scales on the input channels", "in c float 2,3,5,6; out z; init q uint8 4,3,3,3 rand\n"
        "init k float 3 pos; init o uint8 3 128 128 128; init B float 4 rand\n" SIGNED_BN(3) NORM
        "w = DequantizeLinear(q, k, o); z = Conv(y, w, B)\n", "y folded forward z"},
    {"forward into a depthwise conv", "in c float 2,3,5,6; out z; init q int8 6,1,3,3 rand; init k float 6 pos\n" SIGNED_BN(3) NORM
        "w = DequantizeLinear(q, k) axis=0; z = Conv(y, w) group=3\n", "y folded forward z"},
    {"forward into convtranspose", "in c float 2,3,5,6; out z; init q int8 3,4,1,1 rand\n" ONE BN(3) NORM
        "w = DequantizeLinear(q, k); z = ConvTranspose(y, w)\n", "y folded forward z"},
    {"forward into gemm", "in c float 2,3; out z; init q int8 3,4 rand; init C float 4 rand\n" ONE SIGNED_BN(3) NORM
        "w = DequantizeLinear(q, k); z = Gemm(y, w, C) alpha=0.5 beta=2.0\n", "y folded forward z"},
    {"forward into gemm transB", "in c float 2,3; out z; init q int8 4,3 rand\n" ONE BN(3) NORM
        "w = DequantizeLinear(q, k); z = Gemm(y, w) transB=1\n", "y folded forward z"},
    {"forward into matmul", "in c float 2,3; out z; init q int8 3,4 rand; init k float 3 pos\n" BN(3) NORM
        "w = DequantizeLinear(q, k) axis=0; z = MatMul(y, w)\n", "y folded forward z"},
    {"equal factors forward, then behind", "in c float 2,3,5,6; out t; init q int8 4,3,3,3 rand; init h float () -0.3\n" ONE SIGNED_BN(4)
        "w = DequantizeLinear(q, k); g = Mul(c, h); u = Conv(g, w); t = BatchNormalization(u, s, b, m, v)\n",
        "g folded forward u; t folded back u"},
    {"forward into two layers that share the weight", "in c float 2,3,5,6; out z; out t; init q int8 4,3,3,3 rand\n" ONE SIGNED_BN(3) NORM
        "w = DequantizeLinear(q, k); z = Conv(y, w); t = Conv(y, w) strides=[2,2]\n", "y folded forward z,t"},
};

static const struct foldcase refused[] = {
    {"axis-mismatch: one scale in operator set 12", "opset 12; in x float 2,3,5,6; out y; init q int8 4,3,3,3 rand\n" ONE BN(4)
        "w = DequantizeLinear(q, k); c = Conv(x, w)\n" NORM, "y lowered axis-mismatch"},
    {"axis-mismatch: scales on the input channels", "in x float 2,3,5,6; out y; init q int8 4,3,3,3 rand; init k float 3 pos\n" BN(4)
        "w = DequantizeLinear(q, k); c = Conv(x, w)\n" NORM, "y lowered axis-mismatch"},
    {"axis-mismatch: scales that do not fit", "in x float 2,3,5,6; out y; init q int8 4,3,3,3 rand; init k float 4 pos\n" BN(4)
        "w = DequantizeLinear(q, k) axis=1; c = Conv(x, w)\n" NORM, "y lowered axis-mismatch", {0}, true},
    {"axis-mismatch: gemm by rows", "in x float 2,3; out y; init q int8 3,4 rand; init k float 3 pos\n" BN(4)
        "w = DequantizeLinear(q, k) axis=0; c = Gemm(x, w)\n" NORM, "y lowered axis-mismatch"},
    {"axis-mismatch: convtranspose grouped", "in x float 2,4,4,5; out y; init q int8 4,3,3,3 rand\n" ONE BN(6)
        "w = DequantizeLinear(q, k); c = ConvTranspose(x, w) group=2\n" NORM, "y lowered axis-mismatch"},
    {"axis-mismatch: forward into a grouped conv", "in c float 2,4,5,6; out z; init q int8 6,2,3,3 rand\n" ONE BN(4) NORM
        "w = DequantizeLinear(q, k); z = Conv(y, w) group=2\n", "y lowered axis-mismatch"},
    {"axis-mismatch: blocks", "opset 21; ir 10; in x float 2,4; out y; init q int8 4,4 rand; init k float 2,4 pos\n" BN(4)
        "w = DequantizeLinear(q, k) axis=0 block_size=2; c = MatMul(x, w)\n" NORM, "y lowered axis-mismatch", {0}, true},
    {"quant-range", "in x float 2,1,5,6; out y; init q int8 2,1,1,1 -128 5; init s float 2 -1 1; init b float 2 1 2\n"
        ONE "init m float 2 1 2; init v float 2 1 2; w = DequantizeLinear(q, k); c = Conv(x, w)\n" NORM, "y lowered quant-range"},
    {"no quant-range where the sign stays", "in x float 2,1,5,6; out y; init q int8 2,1,1,1 5 -128; init s float 2 -1 1\n"
        ONE "init b float 2 1 2; init m float 2 1 2; init v float 2 1 2; w = DequantizeLinear(q, k); c = Conv(x, w)\n" NORM,
        "y folded back c"},
    {"quant-range: a zero point off the middle", "in x float 2,1,5,6; out y; init q uint8 2,1,1,1 255 5; init s float 2 -1 1\n"
        ONE "init z uint8 () 100; init b float 2 1 2; init m float 2 1 2; init v float 2 1 2\n"
        "w = DequantizeLinear(q, k, z); c = Conv(x, w)\n" NORM, "y lowered quant-range"},
    {"overflow of a scale", "in x float 2,1,5,6; out y; init q int8 2,1,1,1 3 5; init s float 2 1e30 1; init b float 2 1 2\n"
        "init k float () 1e30; init m float 2 1 2; init v float 2 1 2; w = DequantizeLinear(q, k); c = Conv(x, w)\n" NORM,
        "y lowered overflow", {0}, true},
    {"overflow of a weight, not of its scale", "opset 19; ir 9; in x float16 2,1,5,6; out y; init q int8 2,1,1,1 100 5\n"
        "init s float16 2 1000 1; init b float16 2 1 2; init m float16 2 1 2; init v float16 2 1 2; init k float16 () 1\n"
        "w = DequantizeLinear(q, k); c = Conv(x, w)\n" NORM, "y lowered overflow", {0}, true},
    {"underflow", "in x float 2,1,5,6; out y; init q int8 2,1,1,1 3 5; init s float 2 1e-30 1; init b float 2 1 2\n"
        "init k float () 1e-30; init m float 2 1 2; init v float 2 1 2; w = DequantizeLinear(q, k); c = Conv(x, w)\n" NORM,
        "y lowered underflow", {0}, true},
    {"weight-dynamic: integers from the caller", "in x float 2,3,5,6; in q int8 4,3,3,3; out y\n" ONE BN(4)
        "w = DequantizeLinear(q, k); c = Conv(x, w)\n" NORM, "y lowered weight-dynamic", {0}, true},
    {"weight-dynamic: the scale", "in x float 2,3,5,6; in k float ; out y; init q int8 4,3,3,3 rand\n" BN(4)
        "w = DequantizeLinear(q, k); c = Conv(x, w)\n" NORM, "y lowered weight-dynamic", {0}, true},
    {"weight-dynamic: the zero point", "in x float 2,3,5,6; in z int8 ; out y; init q int8 4,3,3,3 rand\n" ONE BN(4)
        "w = DequantizeLinear(q, k, z); c = Conv(x, w)\n" NORM, "y lowered weight-dynamic", {0}, true},
    {"overridable integers", "ir 4; in x float 2,3,5,6; out y; init q int8 4,3,3,3 rand; input q\n" ONE BN(4)
        "w = DequantizeLinear(q, k); c = Conv(x, w)\n" NORM, "y lowered overridable", {.keep_overridable = true}, true},
    {"dtype: float8", "opset 19; ir 9; in x float 2,3,5,6; out y; init q float8e4m3fn 4,3,1,1 ones\n" ONE BN(4)
        "w = DequantizeLinear(q, k); c = Conv(x, w)\n" NORM, "y lowered dtype", {0}, true},
    {"dtype: 16 bits in operator set 20", "opset 20; ir 9; in x float 2,3,5,6; out y; init q int16 4,3,1,1 ones\n" ONE BN(4)
        "w = DequantizeLinear(q, k); c = Conv(x, w)\n" NORM, "y lowered dtype", {0}, true},
    {"quantized-between", "in x float 2,3,5,6; out y; init q int8 4,3,3,3 rand; init z uint8 () 128\n" ONE BN(4)
        "w = DequantizeLinear(q, k); u = Conv(x, w); r = QuantizeLinear(u, k, z); c = DequantizeLinear(r, k, z)\n" NORM,
        "y lowered quantized-between", {0}, true},
    {"quantized-between: in front of the layer", "in c float 2,3,5,6; out u; init q int8 4,3,3,3 rand; init z uint8 () 128\n" ONE
        BN(3) NORM "w = DequantizeLinear(q, k); r = QuantizeLinear(y, k, z); d = DequantizeLinear(r, k, z); u = Conv(d, w)\n",
        "y lowered quantized-between", {0}, true},
    {"quantized-between: integers from the caller", "in r uint8 2,4,5,6; out y; init z uint8 () 128\n" ONE BN(4)
        "c = DequantizeLinear(r, k, z)\n" NORM, "y lowered quantized-between", {0}, true},
};

static void test_back(void **state)
{
    (void)state;
    assert_int_equal(foldcase_table(back_cases, COUNT(back_cases)), 0);
}

static void test_forward(void **state)
{
    (void)state;
    assert_int_equal(foldcase_table(forward_cases, COUNT(forward_cases)), 0);
}

static void test_refused(void **state)
{
    (void)state;
    assert_int_equal(foldcase_table(refused, COUNT(refused)), 0);
}

/* ---- what is stored */

/* "NAME axis A: integers …; scales …; zero …" for the DequantizeLinears of the model, in its order. */
static void append(struct bnf_model *model, const char *what, const char *name, struct bnf_buf *out)
{
    const Onnx__GraphProto *g = model->proto->graph;
    struct bnf_err err = {0};
    for (size_t i = 0; i < g->n_initializer; i++) {
        struct bnf_tensor view;
        char dims[64];
        if (strcmp(g->initializer[i]->name, name) != 0)
            continue;
        assert_int_equal(bnf_tensor_view(model, g->initializer[i], &view, &err), BNF_OK);
        bnf_buf_printf(out, " %s %s %s", what, name, bnf_dims_text(view.dims, view.rank, dims, sizeof dims));
        for (size_t k = 0; k < view.count; k++) {
            int half = view.data[k / 2] >> 4 * (k % 2) & 15;
            double x = view.dtype == BNF_DTYPE_INT4 ? (half ^ 8) - 8 : bnf_tensor_at(&view, k);
            bnf_buf_printf(out, " %g", x);
        }
    }
}

static void describe(struct bnf_model *model, struct bnf_buf *out)
{
    const Onnx__GraphProto *g = model->proto->graph;
    for (size_t i = 0; i < g->n_node; i++) {
        const Onnx__NodeProto *node = g->node[i];
        if (strcmp(node->op_type, "DequantizeLinear") != 0)
            continue;
        bnf_buf_printf(out, "%s%s axis %d:", out->size ? "; " : "", node->output[0], (int)bnf_attr_int(node, "axis", -9));
        append(model, "q", node->input[0], out);
        append(model, "k", node->input[1], out);
        if (node->n_input > 2)
            append(model, "z", node->input[2], out);
    }
}

/* epsilon = 0, mean 0 and var 1: the factors are gamma. */
#define GAMMA(n, numbers) "init s float " #n " " numbers "; init b float " #n " rand; init m float " #n " zeros; " \
    "init v float " #n " ones\n"
#define EXACT "y = BatchNormalization(c, s, b, m, v) epsilon=0.0\n"

static const struct {
    const char *name, *model, *expect;
} stored[] = {
    {"a scale for each channel, the integers untouched", "in x float 2,1,3,3; out y; init q int8 3,1,1,2 1 2 3 4 5 6\n"
        "init k float () 0.5; init z int8 () 1\n" GAMMA(3, "1 2 4") "w = DequantizeLinear(q, k, z); c = Conv(x, w)\n" EXACT,
        "w.bnfold axis 0: q q 3x1x1x2 1 2 3 4 5 6 k k.bnfold 3 0.5 1 2 z z.bnfold 3 1 1 1"},
    {"without a zero point none appears", "in x float 2,2; out y; init q int8 2,2 1 2 3 4; init k float 1 0.5\n"
        GAMMA(2, "1 2") "w = DequantizeLinear(q, k); c = MatMul(x, w)\n" EXACT,
        "w.bnfold axis 1: q q 2x2 1 2 3 4 k k.bnfold 2 0.5 1"},
    {"equal factors leave one scale, of its own rank", "in x float 2,2; out y; init q int8 2,2 1 2 3 4; init k float 1 0.5\n"
        GAMMA(2, "3 3") "w = DequantizeLinear(q, k); c = MatMul(x, w)\n" EXACT,
        "w.bnfold axis -9: q q 2x2 1 2 3 4 k k.bnfold 1 1.5"},
    {"a negative factor mirrors its channel", "in x float 2,1,3,3; out y; init q uint8 2,1,1,3 1 2 3 4 5 6\n"
        "init k float 2 0.5 1; init z uint8 2 2 4\n" GAMMA(2, "-2 2") "w = DequantizeLinear(q, k, z) axis=0; c = Conv(x, w)\n"
        EXACT, "w.bnfold axis 0: q q.bnfold 2x1x1x3 3 2 1 4 5 6 k k.bnfold 2 1 2 z z 2 2 4"},
    {"a dead channel keeps its scale", "in x float 2,1,3,3; out y; init q int8 2,1,1,3 1 2 3 4 5 6; init k float () 0.5\n"
        "init z int8 () 7\n" GAMMA(2, "0 2") "w = DequantizeLinear(q, k, z); c = Conv(x, w)\n" EXACT,
        "w.bnfold axis 0: q q.bnfold 2x1x1x3 7 7 7 4 5 6 k k.bnfold 2 0.5 1 z z.bnfold 2 7 7"},
    {"two signs cancel before integers are looked at", "in x float 2,1,3,3; out y; init q int8 2,1,1,2 -128 2 3 4\n"
        "init k float () 0.5; init h float 2,1,1 -0.5 -4\n" GAMMA(2, "-2 -0.5")
        "w = DequantizeLinear(q, k); u = Conv(x, w); c = Mul(u, h)\n" EXACT,
        "w.bnfold axis 0: q q 2x1x1x2 -128 2 3 4 k k.bnfold 2 0.5 1"},
    {"a second affine undoes the first one's signs", "in x float 2,1,3,3; out y; init q int8 2,1,1,2 1 2 3 4\n"
        "init k float () 0.5; init h float 2,1,1 -0.5 -4\n" GAMMA(2, "-2 -0.5")
        "w = DequantizeLinear(q, k); u = Conv(x, w); c = Mul(u, h)\n" EXACT,
        "w.bnfold axis 0: q q 2x1x1x2 1 2 3 4 k k.bnfold 2 0.5 1"},
    {"factors that cancel on the way leave what was made", "in x float 2,1,3,3; out y; init q int8 2,1,1,2 1 2 3 4\n"
        "init k float () 0.5; init z int8 () 3; init h float 2,1,1 -0.5 -4\n" GAMMA(2, "-2 -0.25")
        "w = DequantizeLinear(q, k, z); u = Conv(x, w); c = Mul(u, h)\n" EXACT,
        "w.bnfold axis 0: q q 2x1x1x2 1 2 3 4 k k.bnfold 2 0.5 0.5 z z.bnfold 2 3 3"},
    {"a copy where another layer reads it", "in x float 2,2; out y; out z; init q int8 2,2 1 2 3 4; init k float () 0.5\n"
        GAMMA(2, "1 2") "w = DequantizeLinear(q, k); c = MatMul(x, w); z = MatMul(x, w)\n" EXACT,
        "w axis -9: q q 2x2 1 2 3 4 k k () 0.5; w.bnfold axis 1: q q 2x2 1 2 3 4 k k.bnfold 2 0.5 1"},
    {"a shift alone changes nothing", "in x float 2,2; out y; init q int8 2,2 1 2 3 4; init k float () 0.5\n"
        "init B float 2 1 2; init h float 2 3 4; w = DequantizeLinear(q, k); c = Gemm(x, w, B); y = Add(c, h)\n",
        "w axis -9: q q 2x2 1 2 3 4 k k () 0.5"},
    {"gemm transB by rows", "in x float 2,2; out y; init q int8 2,2 1 2 3 4; init k float () 0.5\n" GAMMA(2, "2 4")
        "w = DequantizeLinear(q, k); c = Gemm(x, w) transB=1\n" EXACT,
        "w.bnfold axis 0: q q 2x2 1 2 3 4 k k.bnfold 2 1 2"},
    {"int4, an odd number, two a byte", "opset 21; ir 10; in x float 2,1,3,3; out y; init q int4 3,1,1,1 -7 6 -5\n"
        "init k float () 0.5; init z int4 () -1\n" GAMMA(3, "-1 1 -2")
        "w = DequantizeLinear(q, k, z); c = Conv(x, w)\n" EXACT,
        "w.bnfold axis 0: q q.bnfold 3x1x1x1 5 6 3 k k.bnfold 3 0.5 0.5 1 z z.bnfold 3 -1 -1 -1"},
    {"a bias of int32 becomes float", "in x float 2,2; out y; init q int8 2,2 1 2 3 4; init k float () 0.5; init r int32 2 6 8\n"
        GAMMA(2, "2 4") "w = DequantizeLinear(q, k); B = DequantizeLinear(r, k); c = Gemm(x, w, B)\n" EXACT,
        "w.bnfold axis 1: q q 2x2 1 2 3 4 k k.bnfold 2 1 2"},
};

static void test_stored(void **state)
{
    size_t failed = 0;
    (void)state;
    for (size_t i = 0; i < COUNT(stored); i++) {
        struct bnf_model text, result = {0};
        struct opened opened = {0};
        struct bnf_fold_result folded;
        struct bnf_buf got = {0};
        struct packed packed = {0};
        struct bnf_err err = {0};
        notation_read(&text, stored[i].model);
        struct packed source = pack_proto(text.proto);
        assert_int_equal(fold_packed(&source, &opened, &folded, &packed, &err), BNF_OK);
        assert_int_equal(load_packed(&result, &packed, &err), BNF_OK);
        describe(&result, &got);
        if (strcmp(bnf_buf_text(&got), stored[i].expect) != 0) {
            print_error("%s: %s\n    expected %s\n", stored[i].name, bnf_buf_text(&got), stored[i].expect);
            failed++;
        }
        bnf_buf_free(&got);
        close_opened(&opened);
        bnf_model_close(&result);
        bnf_model_close(&text);
        bnf_free(source.bytes);
        bnf_free(packed.bytes);
    }
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_back),
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
