/* Operators with several computed operands or results between an affine and its layers: every row that folds, and what
 * each condition refuses. */
#include "graph/shapes.h"
#include "support/foldcase.h"
#include "support/make.h"
#include "support/notation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define STATS(n, gamma) \
    "init s float " #n " " gamma "; init b float " #n " rand; init m float " #n " rand; init v float " #n " pos\n"
#define BN(n) STATS(n, "rand")
#define SCALES(n) "init s float " #n " rand; init b float " #n " zeros; init m float " #n " zeros; init v float " #n " pos\n"
#define SAME_ALL "init s float 4 2 2 2 2; init b float 4 1 1 1 1; init m float 4 0.5 0.5 0.5 0.5; init v float 4 ones\n"
#define NORM "y = BatchNormalization(c, s, b, m, v)\n"
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
/* Two layers of 4 channels, 2,4,5,6. */
#define PAIR "in x float 2,3,5,6; out y; init W float 4,3,1,1 rand; init V float 4,3,3,3 rand; init D float 4 rand\n" \
             "p = Conv(x, W); q = Conv(x, V, D) pads=[1,1,1,1]\n"
/* A layer of 4 channels behind a normalization of 4. */
#define FRONT "in c float 2,4,5,6; out z; init W float 3,4,2,2 rand\n"

static const struct foldcase concat_cases[] = {
    {"four branches", "in x float 2,3,5,6; out y; init W float 2,3,1,1 rand; init V float 3,3,3,3 rand; init U float 1,3,1,1 rand\n"
        "init T float 2,3,2,2 rand; init D float 3 rand\n" BN(8)
        "a1 = Conv(x, W); a2 = Conv(x, V, D) pads=[1,1,1,1]; a3 = Conv(x, U); a4 = Conv(x, T) pads=[1,1,0,0]\n"
        "c = Concat(a1, a2, a3, a4) axis=1\n" NORM, "y folded back a4,a3,a2,a1"},
    {"negative axis", PAIR BN(8) "c = Concat(p, q) axis=-3\n" NORM, "y folded back q,p"},
    {"of operator set 1, whose axis defaults to 1", "opset 3; ir 3; in x float 2,3,5,6; out y; init W float 4,3,1,1 rand\n"
        "init V float 2,3,1,1 rand\n" BN(6) "input W; input V; input s; input b; input m; input v\n"
        "p = Conv(x, W); q = Conv(x, V); c = Concat(p, q); y = BatchNormalization(c, s, b, m, v) is_test=1\n",
        "y folded back q,p"},
    {"along another axis", PAIR BN(4) "c = Concat(p, q) axis=2\n" NORM, "y folded back q,p"},
    {"along a dynamic axis", "in x float N,3,5,6; out y; init W float 4,3,1,1 rand; init V float 4,3,1,1 rand\n" BN(4)
        "p = Conv(x, W); q = Conv(x, V); c = Concat(p, q) axis=0\n" NORM, "y folded back q,p"},
    {"with a constant", "in x float 2,3,5,6; out y; init W float 4,3,1,1 rand; init K float 2,2,5,6 rand\n" BN(6)
        "p = Conv(x, W); c = Concat(K, p) axis=1\n" NORM, "y folded back p,y"},
    {"1-D, in double", "in x double 2,3,7; out y; init W double 4,3,1 rand; init V double 2,3,1 rand\n"
        "init s double 6 rand; init b double 6 rand; init m double 6 rand; init v double 6 pos\n"
        "p = Conv(x, W); q = Conv(x, V); c = Concat(q, p) axis=1\n" NORM, "y folded back q,p"},
    {"3-D, in float16", "in x float16 2,3,3,4,5; out y; init W float16 2,3,1,1,1 rand; init V float16 2,3,1,1,1 rand\n"
        "init s float16 4 rand; init b float16 4 rand; init m float16 4 rand; init v float16 4 pos\n"
        "p = Conv(x, W); q = Conv(x, V); c = Concat(q, p) axis=1\n" NORM, "y folded back q,p"},
    {"a part of (1, 0) is left alone", "in x float 2,3,5,6; out y; init W float 2,3,1,1 rand; init k float 5,1,1 1 1 1 -2 3\n"
        "p = Conv(x, W); r = Relu(x); c = Concat(r, p) axis=1; y = Mul(c, k)\n", "y folded back p"},
    {"of concatenations", PAIR BN(8) "e = Concat(p) axis=1; f = Concat(q) axis=1; c = Concat(e, f) axis=1\n" NORM,
        "y folded back q,p"},
    {"a scalar", PAIR "init k float () 0.25; c = Concat(p, q) axis=3; y = Mul(c, k)\n", "y folded back q,p"},
    {"forward, one part", FRONT "in w float 2,2,5,6; init V float 3,6,2,2 rand\n" BN(4) NORM
        "d = Concat(w, y) axis=1; z = Conv(d, V)\n", "y folded forward z"},
    {"forward, a scalar on one part", FRONT "in w float 2,2,5,6; init V float 3,6,2,2 rand; init k float () 0.25\n"
        "y = Mul(c, k); d = Concat(y, w) axis=1; z = Conv(d, V)\n", "y folded forward z"},
    {"forward, both parts", FRONT "init V float 3,8,2,2 rand\n" BN(4) NORM
        "d = Concat(y, y) axis=-3; z = Conv(d, V)\n", "y folded forward z"},
    {"forward, another axis", FRONT BN(4) NORM "i = Identity(y); d = Concat(y, i) axis=2; z = Conv(d, W)\n",
        "y folded forward z"},
};

static const struct foldcase concat_refusals[] = {
    {"the same value twice", "in x float 2,3,5,6; out y; init W float 4,3,1,1 rand\n" BN(8)
        "p = Conv(x, W); c = Concat(p, p) axis=1\n" NORM, "y lowered producer-shared"},
    {"an unknown extent", "in x float ?; in w float 2,A,5,6; out y; init W float 4,3,1,1 rand\n" BN(6)
        "p = Conv(x, W); i = Identity(w); c = Concat(p, i) axis=1\n" NORM, "y lowered shape-unknown", {0}, true, .open_in_double = true},
    {"a negative axis of unknown rank", "in x float ?; out y; init k float () 0.5; init K float 4,1,1 rand\n"
        "i = Identity(x); c = Concat(i) axis=-1; y = Mul(c, k)\n", "", {0}, true},
    {"forward, another axis, one part", "in c float 2,4,4,6; in w float 2,4,4,6; out z; init W float 3,8,2,2 rand\n" BN(4) NORM
        "d = Concat(y, w) axis=2; t = Transpose(d) perm=[0,2,1,3]; z = Conv(t, W)\n", "y lowered axis-mismatch"},
    {"forward, beside an unknown extent", "in c float 2,4,5,6; in w float 2,A,5,6; out z; init W float 3,6,1,1 rand\n" BN(4)
        NORM "d = Concat(y, w) axis=1; z = Conv(d, W)\n", "y lowered shape-unknown", {0}, true},
    {"a branch that is an output", PAIR "out p; " BN(8) "c = Concat(p, q) axis=1\n" NORM, "y lowered producer-is-output"},
};

#define LAYER6 "in x float 2,3,5,6; init W float 6,3,1,1 rand; u = Conv(x, W)\n"

static const struct foldcase split_cases[] = {
    {"one part", LAYER6 "out y; out q; init n int64 2 4 2\n" BN(4) "c, q = Split(u, n) axis=1\n" NORM, "y folded back u"},
    {"one part, sizes in an attribute", "opset 11\n" LAYER6 "out y; out q\n" BN(2)
        "q, c = Split(u) axis=-3 split=[4,2]\n" NORM, "y folded back u"},
    {"equal parts", LAYER6 "out y; out q\n" BN(3) "q, c = Split(u) axis=1\n" NORM, "y folded back u"},
    {"a last part that is smaller", "opset 18; in x float 2,3,5,6; init W float 5,3,1,1 rand; u = Conv(x, W); out y; out q\n"
        BN(2) "q, c = Split(u) axis=1 num_outputs=2\n" NORM, "y folded back u"},
    {"both parts of one plan", LAYER6 "out y; init n int64 2 4 2; init k float 4,1,1 rand; init l float 2,1,1 pos\n"
        "p, q = Split(u, n) axis=1; c = Concat(q, p) axis=1\n" BN(6) NORM, "y folded back u"},
    {"along another axis, joined again", LAYER6 "out y\n" BN(6)
        "p, q = Split(u) axis=3; c = Concat(q, p) axis=2\n" NORM, "y folded back u"},
    {"along another axis, one part not read", LAYER6 "out y\n" BN(6) "c, q = Split(u) axis=3\n" NORM, "y folded back u"},
    {"a scalar on one part", LAYER6 "out y; out q; init k float () 0.5; c, q = Split(u) axis=1; y = Mul(c, k)\n",
        "y folded back u"},
    {"forward", "in c float 2,4,5,6; out z; out w; init V float 3,2,2,2 rand; init U float 2,2,1,1 rand\n" BN(4) NORM
        "p, q = Split(y) axis=1; z = Conv(p, V); w = Conv(q, U)\n", "y folded forward z,w"},
    {"forward, one part not read", "in c float 2,4,5,6; out z; init V float 3,2,2,2 rand\n" BN(4) NORM
        "p, q = Split(y) axis=1; z = Conv(q, V)\n", "y folded forward z"},
    {"forward, another axis", "in c float 2,4,5,6; out z; out w; init V float 3,4,2,2 rand; init U float 2,4,1,1 rand\n" BN(4)
        NORM "p, q = Split(y) axis=-1; z = Conv(p, V); w = Conv(q, U)\n", "y folded forward z,w"},
};

static const struct foldcase split_refusals[] = {
    {"operator set 1, sizes in an input", "opset 1; ir 3; in x float 2,3,5,6; init W float 6,3,1,1 rand; init n float 2 4 2\n"
        BN(4) "input W; input n; input s; input b; input m; input v; u = Conv(x, W); out y; out q\n"
        "c, q = Split(u, n) axis=1; y = BatchNormalization(c, s, b, m, v) is_test=1\n", "y lowered no-rule", {0}, true},
    {"parts of unequal extents that nobody states", "in x float 2,3,5,6; init W float 5,3,1,1 rand; u = Conv(x, W); out y; out q\n"
        "info c float 2,3,5,6\n" BN(3) "c, q = Split(u) axis=1\n" NORM, "y lowered shape-unknown", {0}, true},
    {"another axis, one part bare", LAYER6 "out y; out q\n" BN(6) "c, q = Split(u) axis=3\n" NORM,
        "y lowered producer-shared"},
    {"sizes from run time", LAYER6 "out y; out q; in n int64 2\n" BN(4) "c, q = Split(u, n) axis=1\n" NORM,
        "y lowered shape-unknown", {0}, true, .open_in_double = true},
    {"forward, a part is an output", "in c float 2,4,5,6; out z; out q; init V float 3,2,2,2 rand\n" BN(4) NORM
        "p, q = Split(y) axis=1; z = Conv(p, V)\n", "y lowered affine-is-output"},
    {"forward, sizes from run time", "in c float 2,4,5,6; in n int64 2; out z; out w; init V float 3,2,2,2 rand\n" BN(4) NORM
        "p, q = Split(y, n) axis=1; z = Conv(p, V); w = Conv(q, V)\n", "y lowered shape-unknown", {0}, true},
};

#define RANGE(from, to, axis, step) \
    "init f int64 1 " #from "; init t int64 1 " #to "; init a int64 1 " #axis "; init i int64 1 " #step "\n" LAYER6 "out y\n"
#define CUT "c = Slice(u, f, t, a, i)\n"

static const struct foldcase slice_cases[] = {
    {"channels", RANGE(1, 5, 1, 1) BN(4) CUT NORM, "y folded back u"},
    {"every second, to the end", RANGE(1, 9223372036854774784, 1, 2) BN(3) CUT NORM, "y folded back u"},
    {"reversed", RANGE(-1, -9223372036854775807, -3, -1) BN(6) CUT NORM, "y folded back u"},
    {"reversed by two, in part", RANGE(4, 0, 1, -2) BN(2) CUT NORM, "y folded back u"},
    {"reversed, from beyond the end", RANGE(100, 0, 1, -1) BN(5) CUT NORM, "y folded back u"},
    {"another axis", RANGE(1, 4, 3, 1) BN(6) CUT NORM, "y folded back u"},
    {"attributes, all axes from the first", "opset 9\n" LAYER6 "out y\n" BN(3)
        "c = Slice(u) starts=[0,2] ends=[2,-1]\n" NORM, "y folded back u"},
    {"attributes, named axes", "opset 9\n" LAYER6 "out y\n" BN(2) "c = Slice(u) starts=[1,-2] ends=[3,100] axes=[2,1]\n" NORM,
        "y folded back u"},
    {"without axes and steps", LAYER6 "out y; init f int64 2 0 1; init t int64 2 2 4\n" BN(3) "c = Slice(u, f, t)\n" NORM,
        "y folded back u"},
    {"a scalar", LAYER6 "out y; init f int64 2 0 1; init t int64 2 2 4; init k float () 0.5\n"
        "c = Slice(u, f, t); y = Mul(c, k)\n", "y folded back u"},
    {"forward", "in c float 2,4,5,6; out z; init V float 3,2,2,2 rand; init f int64 1 3; init t int64 1 0; init a int64 1 1\n"
        "init i int64 1 -2\n" BN(4) NORM "p = Slice(y, f, t, a, i); z = Conv(p, V)\n", "y folded forward z"},
    {"forward, two halves", "opset 9; in c float 2,4,5,6; out z; out w; init V float 3,2,2,2 rand; init U float 3,2,1,1 rand\n"
        BN(4) NORM "p = Slice(y) starts=[0] ends=[2] axes=[1]; q = Slice(y) starts=[2] ends=[4] axes=[1]\n"
        "z = Conv(p, V); w = Conv(q, U)\n", "y folded forward z,w"},
    {"forward, what changes is dropped", "opset 9; in c float 2,4,5,6; out z; init V float 3,2,2,2 rand; init d float 4,1,1 0 0 1 2\n"
        "y = Add(c, d); p = Slice(y) starts=[0] ends=[2] axes=[1]; z = Conv(p, V)\n", "y folded forward p"},
    {"forward, another axis", "opset 9; in c float 2,4,5,6; out z; init V float 3,4,2,2 rand\n" BN(4) NORM
        "p = Slice(y) starts=[1] ends=[4] axes=[2]; z = Conv(p, V)\n", "y folded forward z"},
};

static const struct foldcase slice_refusals[] = {
    {"a scalar, range from run time", LAYER6 "out y; in f int64 1; in t int64 1; init k float () 0.5\n"
        "c = Slice(u, f, t); y = Mul(c, k)\n", "", {0}, true},
    {"range from run time", LAYER6 "out y; in f int64 1; in t int64 1; init a int64 1 1\n" BN(4) "c = Slice(u, f, t, a)\n" NORM,
        "y lowered shape-unknown", {0}, true, .open_in_double = true},
    {"two halves of one layer", "opset 9\n" LAYER6 "out y; out q\n" BN(3)
        "c = Slice(u) starts=[0] ends=[3] axes=[1]; q = Slice(u) starts=[3] ends=[6] axes=[1]\n" NORM,
        "y lowered producer-shared"},
    {"a part of an unknown extent", "opset 9; in x float 2,A,5,6; out y; i = Identity(x)\n" BN(3)
        "c = Slice(i) starts=[0] ends=[3] axes=[1]\n" NORM, "y lowered shape-unknown", {0}, true, .open_in_double = true},
};

static const struct foldcase sum_cases[] = {
    {"two layers", PAIR BN(4) "c = Add(p, q)\n" NORM, "y folded back q,p"},
    {"the difference of two layers", PAIR BN(4) "c = Sub(p, q)\n" NORM, "y folded back q,p"},
    {"only a shift, which the second operand takes", PAIR "init d float 4,1,1 rand; r = Relu(p); c = Add(r, q); y = Add(c, d)\n",
        "y folded back q"},
    {"only a shift, the second operand is subtracted", PAIR "init d float 4,1,1 rand; r = Relu(p); c = Sub(r, q); y = Add(c, d)\n",
        "y folded back q"},
    {"an operand of rank 3", "in x float 1,3,5,6; in w float 5,4; out y; init W float 4,3,1,1 rand; init V float 4,5 rand\n" BN(4)
        "init n int64 3 4 5 4; p = Conv(x, W); q = Conv(x, W); i = Squeeze(q); c = Add(p, i)\n" NORM, "y folded back q,p", {0}, true},
    {"an operand without that axis, equal on all channels", "in x float 2,3,5,6; in w float 5,2; out y\n"
        "init W float 4,3,1,1 rand; init V float 2,6 rand\n" SAME_ALL
        "p = Conv(x, W); q = MatMul(w, V); c = Add(p, q)\n" NORM, "y folded back q,p"},
    {"an operand of extent 1, equal on all channels", "in x float 2,3,5,6; out y; init W float 4,3,1,1 rand; init V float 1,3,1,1 rand\n"
        SAME_ALL "p = Conv(x, W); q = Conv(x, V); c = Add(p, q)\n" NORM, "y folded back q,p"},
    {"an operand of extent 1 beside a shift alone", "in x float 2,3,5,6; out y; init W float 4,3,1,1 rand; init V float 1,3,1,1 rand\n"
        "init d float 4,1,1 rand; p = Conv(x, W); q = Conv(x, V); c = Add(q, p); y = Add(c, d)\n", "y folded back p"},
    {"operator set 6, the second operand from axis 0 on", "opset 6; ir 3; in x float 4,3,5,6; out y; init W float 4,3,1,1 rand\n"
        "in w float 4,2; init V float 2,4 rand; input W; input V; init k float () 0.5; input k\n"
        "p = Conv(x, W); q = MatMul(w, V); c = Add(p, q) broadcast=1 axis=0; y = Mul(c, k) broadcast=1\n", "y folded back q,p"},
    {"operator set 6, the second operand from axis 1 on", "opset 6; ir 3; in x float 2,3,5,4; in w float 2,5; out y\n"
        "init W float 4,3,1,1 rand; init V float 4,2 rand\n" BN(4) "input W; input V; input s; input b; input m; input v\n"
        "p = Conv(x, W); q = MatMul(V, w); c = Add(p, q) broadcast=1 axis=1; y = BatchNormalization(c, s, b, m, v) is_test=1\n",
        "y folded back q,p"},
    {"operator set 6, equal extents", "opset 6; ir 3; in x float 2,3,5,6; out y; init W float 4,3,1,1 rand; init V float 4,3,1,1 rand\n"
        BN(4) "input W; input V; input s; input b; input m; input v\n"
        "p = Conv(x, W); q = Conv(x, V); c = Add(p, q); y = BatchNormalization(c, s, b, m, v) is_test=1\n", "y folded back q,p"},
    {"Sum of three", PAIR "init U float 4,3,1,1 rand; r = Conv(x, U)\n" BN(4) "c = Sum(p, q, r)\n" NORM, "y folded back r,q,p"},
    {"Sum with a constant, which takes the shift", PAIR "init K float 1,4,1,1 rand; init k float 4,1,1 ones; init d float 4,1,1 rand\n"
        "r = Relu(x); g = Conv(r, W); h = Relu(g); c = Sum(h, K); y = Add(c, d)\n", "y folded back y"},
    {"Mean", PAIR BN(4) "c = Mean(p, q)\n" NORM, "y folded back q,p"},
    {"Sum of one", PAIR BN(4) "c = Sum(p)\n" NORM, "y folded back p"},
    {"a dynamic batch", "in x float N,3,5,6; out y; init W float 4,3,1,1 rand; init V float 4,3,1,1 rand\n" BN(4)
        "p = Conv(x, W); q = Conv(x, V); c = Add(p, q)\n" NORM, "y folded back q,p"},
    {"a chain of sums", PAIR "init U float 4,3,1,1 rand; r = Conv(x, U)\n" BN(4) "d = Add(p, q); c = Sub(r, d)\n" NORM,
        "y folded back r,q,p"},
    {"1-D, in double", "in x double 2,3,7; out y; init W double 4,3,1 rand; init V double 4,3,1 rand\n"
        "init s double 4 rand; init b double 4 rand; init m double 4 rand; init v double 4 pos\n"
        "p = Conv(x, W); q = Conv(x, V); c = Add(q, p)\n" NORM, "y folded back q,p"},
    {"forward, one scale", FRONT BN(4) NORM "i = Identity(y); d = Add(y, i); z = Conv(d, W)\n", "y folded forward z"},
    {"forward, one value twice", FRONT BN(4) NORM "d = Add(y, y); z = Conv(d, W)\n", "y folded forward z"},
    {"forward, only a shift", FRONT "in w float 2,4,5,6; init d float 4,1,1 rand; y = Add(c, d); e = Sub(w, y); z = Conv(e, W)\n",
        "y folded forward z"},
    {"forward, only a shift, of lower rank", "in c float 4,5,6; in w float 2,4,5,6; out z; init W float 3,4,2,2 rand\n"
        "init d float 4,1,1 rand; y = Add(c, d); e = Sub(w, y); z = Conv(e, W)\n", "y folded forward z"},
    {"forward, a difference that leaves nothing", FRONT "in w float 2,4,5,6; init d float 4,1,1 rand\n"
        "y = Add(c, d); n = Identity(y); f = Add(w, y); e = Sub(f, n); z = Conv(e, W)\n", "y folded forward e"},
    {"forward, Sum and Mean", FRONT BN(4) NORM "d = Sum(y, y, y); e = Mean(d, d); z = Conv(e, W)\n", "y folded forward z"},
};

static const struct foldcase sum_refusals[] = {
    {"an operand that a caller may override", "in x float 2,3,5,6; out y; init W float 4,3,1,1 rand; init K float 2,4,5,6 rand; input K\n"
        BN(4) "p = Conv(x, W); c = Add(p, K)\n" NORM, "y lowered overridable", {.keep_overridable = true}, true},
    {"operands of two types", "in x float 2,3,5,6; in w float16 2,4,5,6; out y; init W float 4,3,1,1 rand; info c float 2,4,5,6\n"
        BN(4) "p = Conv(x, W); i = Identity(w); c = Sum(p, i)\n" NORM, "y lowered dtype", {0}, true},
    {"one value twice", "in x float 2,3,5,6; out y; init W float 4,3,1,1 rand\n" BN(4) "p = Conv(x, W); c = Add(p, p)\n" NORM,
        "y lowered producer-shared"},
    {"an operand of extent 1", "in x float 2,3,5,6; out y; init W float 4,3,1,1 rand; init V float 1,3,1,1 rand\n" BN(4)
        "p = Conv(x, W); q = Conv(x, V); c = Add(p, q)\n" NORM, "y lowered broadcast"},
    {"an operand without that axis", "in x float 2,3,5,6; in w float 5,2; out y; init W float 4,3,1,1 rand; init V float 2,6 rand\n"
        BN(4) "p = Conv(x, W); q = MatMul(w, V); c = Add(p, q)\n" NORM, "y lowered broadcast"},
    {"a last axis as long as the channels", "in x float 2,3,5,4; in w float 2; out y; init W float 4,3,1,1 rand; init V float 2,4 rand\n"
        BN(4) "p = Conv(x, W); q = MatMul(w, V); c = Add(p, q)\n" NORM, "y lowered broadcast"},
    {"an operand of unknown extent", "in x float 2,3,5,6; in w float 2,A,5,6; out y; init W float 4,3,1,1 rand\n" BN(4)
        "p = Conv(x, W); i = Identity(w); c = Add(p, i)\n" NORM, "y lowered shape-unknown", {0}, true},
    {"an operand of unknown rank", "in x float 2,3,5,6; in w float ?; out y; init W float 4,3,1,1 rand; info c float 2,4,5,6\n" BN(4)
        "p = Conv(x, W); i = Identity(w); c = Add(p, i)\n" NORM, "y lowered rank-unknown", {0}, true},
    {"a skip that is read elsewhere", PAIR "out z; " BN(4) "c = Add(p, q); z = Relu(q)\n" NORM, "y lowered producer-shared"},
    {"an operand that is an input", "in x float 2,3,5,6; in w float 2,4,5,6; out y; init W float 4,3,1,1 rand\n" BN(4)
        "p = Conv(x, W); c = Add(p, w)\n" NORM, "y lowered producer-is-input"},
    {"forward, two scales", FRONT "in w float 2,4,5,6; " BN(4) NORM "i = Identity(y); d = Add(i, w); z = Conv(d, W)\n",
        "y lowered consumer-not-linear"},
    {"forward, operands on two axes", "in c float 2,4,5,4; out z; init W float 3,4,2,2 rand; init e float 4,1,1 rand\n"
        "y = Add(c, e); u = Transpose(y) perm=[0,3,2,1]; d = Add(y, u); z = Conv(d, W)\n", "", {0}, true},
};

static const struct foldcase product_cases[] = {
    {"scale of the first factor", PAIR SCALES(4) "c = Mul(p, q)\n" NORM, "y folded back p"},
    {"scale of the second factor", PAIR SCALES(4) "r = Sigmoid(p); c = Mul(r, q)\n" NORM, "y folded back q"},
    {"the factor of extent C", "in x float 2,3,5,6; out y; init W float 4,3,1,1 rand; init V float 1,3,1,1 rand\n" SCALES(4)
        "p = Conv(x, W); q = Conv(x, V); c = Mul(q, p)\n" NORM, "y folded back p"},
    {"a scalar into a factor of any extent", "in x float 2,3,5,6; out y; init W float 4,3,1,1 rand; init V float 1,3,1,1 rand\n"
        "init k float () 0.5; p = Conv(x, W); r = Relu(p); q = Conv(x, V); c = Mul(q, r); y = Mul(c, k)\n", "y folded back q"},
    {"scale of a dividend", PAIR SCALES(4) "r = Sigmoid(q); c = Div(p, r)\n" NORM, "y folded back p"},
    {"forward, one factor", FRONT "in w float 2,4,5,6; " SCALES(4) NORM "d = Mul(w, y); z = Conv(d, W) pads=[1,1,1,1]\n",
        "y folded forward z"},
    {"forward, both factors", FRONT SCALES(4) NORM "d = Mul(y, y); z = Conv(d, W)\n", "y folded forward z"},
    {"forward, a factor of lower rank", "in c float 4,5,6; in w float 2,4,5,6; out z; init W float 3,4,2,2 rand\n"
        "init k float 4,1,1 rand; y = Mul(c, k); d = Mul(y, w); z = Conv(d, W)\n", "y folded forward z"},
    {"forward, a scalar of unknown rank", "in c float ?; in w float ?; out z; init W float 3,4,2,2 rand; init k float () 0.5\n"
        "y = Mul(c, k); d = Mul(y, w); z = Conv(d, W)\n", "y folded forward z", {0}, true},
    {"forward, a dividend", FRONT "in w float 2,4,5,6; " SCALES(4) NORM "e = Sigmoid(w); d = Div(y, e); z = Conv(d, W)\n",
        "y folded forward z"},
};

static const struct foldcase product_refusals[] = {
    {"a shift", PAIR BN(4) "c = Mul(p, q)\n" NORM, "y lowered producer-not-linear"},
    {"a square", "in x float 2,3,5,6; out y; init W float 4,3,1,1 rand\n" SCALES(4) "p = Conv(x, W); c = Mul(p, p)\n" NORM,
        "y lowered producer-not-linear"},
    {"a shift of a dividend", PAIR BN(4) "r = Sigmoid(q); c = Div(p, r)\n" NORM, "y lowered producer-not-linear"},
    {"a dividend of extent 1", "in x float 2,3,5,6; out y; init W float 4,3,1,1 rand; init V float 1,3,1,1 rand\n" SCALES(4)
        "p = Conv(x, W); q = Conv(x, V); c = Div(q, p)\n" NORM, "y lowered broadcast", {0}, true},
    {"forward, a shift", FRONT "in w float 2,4,5,6; " BN(4) NORM "d = Mul(w, y); z = Conv(d, W)\n",
        "y lowered consumer-not-linear"},
    {"forward, a divisor", FRONT "in w float 2,4,5,6; " SCALES(4) NORM "d = Div(w, y); z = Conv(d, W)\n",
        "y lowered consumer-not-linear"},
    {"forward, a non-scalar of unknown rank", "in c float 2,4,5,6; in w float ?; out z; init W float 3,4,2,2 rand\n" SCALES(4) NORM
        "d = Mul(y, w); z = Conv(d, W)\n", "y lowered rank-unknown", {0}, true},
};

#define FULL "init K float 4,5,6 rand\n"

static const struct foldcase constant_cases[] = {
    {"forward through Add of a full constant", FRONT FULL BN(4) NORM "d = Add(y, K); z = Conv(d, W)\n", "y folded forward z"},
    {"forward through Sub", FRONT FULL BN(4) NORM "d = Sub(y, K); z = Conv(d, W)\n", "y folded forward z"},
    {"forward through Sub from the constant", FRONT FULL BN(4) NORM "d = Sub(K, y); z = Conv(d, W)\n", "y folded forward z"},
    {"forward through Add, the constant is widened", FRONT "init K float 5,6 rand\n" BN(4) NORM "d = Add(K, y); z = Conv(d, W)\n",
        "y folded forward z"},
    {"forward through Add, only a shift", FRONT FULL "init d float 4,1,1 rand; y = Add(c, d); e = Add(y, K); z = Conv(e, W)\n",
        "y folded forward z"},
    {"forward into Mul", FRONT FULL SCALES(4) NORM "d = Mul(y, K); e = Relu(d); z = Conv(e, W)\n", "y folded forward d"},
    {"forward into Div", FRONT FULL SCALES(4) NORM "init N float 4,5,6 pos; d = Div(y, N); e = Relu(d); z = Conv(e, W)\n",
        "y folded forward d"},
    {"forward into Div of the constant", FRONT FULL SCALES(4) NORM "d = Div(K, y); e = Relu(d); z = Conv(e, W)\n",
        "y folded forward d"},
    {"a scale goes into a padded layer, the Add stays", FRONT "init k float 4,1,1 rand; init d float 4,1,1 rand\n"
        "r = Relu(c); y = Mul(r, k); e = Add(y, d); z = Conv(e, W) pads=[1,1,1,1]\n", "y folded forward z"},
};

static const struct foldcase constant_refusals[] = {
    {"forward through Add, a scale of 0", FRONT FULL STATS(4, "1 2 0 -1") NORM "d = Add(y, K); z = Conv(d, W)\n",
        "y lowered zero-scale"},
    {"forward into Mul, a shift", FRONT FULL BN(4) NORM "d = Mul(y, K); z = Conv(d, W)\n", "y lowered consumer-not-linear"},
    {"forward into Div of the constant, a scale of 0", FRONT FULL "init s float 4 1 2 0 -1; init b float 4 zeros; init m float 4 zeros\n"
        "init v float 4 pos\n" NORM "d = Div(K, y); e = Abs(d); z = Conv(e, W)\n", "y lowered zero-scale", {0}, true},
    {"forward through Add, the constant would leave no room", "in x float 2,2,3,3; out z; init W float 3,2,1,1 rand\n"
        "init s float 2 1e-30 1e-30; init b float 2 zeros; init m float 2 zeros; init v float 2 ones\n"
        "init K float 1,1,3,3 rand; c = Sigmoid(x)\n" NORM "d = Add(y, K); z = Conv(d, W)\n", "y lowered overflow",
        .in_double = "y folded forward z"},
    {"forward through Add, the constant is large already", "in x float 2,2,3,3; out z; init W float 3,2,1,1 rand\n"
        "init s float 2 0.001 0.002; init b float 2 zeros; init m float 2 zeros; init v float 2 ones\n"
        "init K float 1,1,3,3 1 -1e20 1 1 1 1 1 1 1; c = Sigmoid(x)\n" NORM "d = Add(y, K); z = Conv(d, W)\n",
        "y folded forward z"},
    {"forward through Add, the constant overflows", "in c float16 2,2,3,3; out z; init W float16 3,2,1,1 rand\n"
        "init s float16 2 0.00001 1; init b float16 2 rand; init m float16 2 rand; init v float16 2 ones\n"
        "init K float16 1,1,3,3 2000 1 1 1 1 1 1 1 1\n" NORM "d = Add(y, K); z = Conv(d, W)\n", "y lowered overflow"},
    {"operator set 6, a constant along the first axes", "opset 6; ir 3; in x float 4,3,4,4; out y; init W float 4,3,1,1 rand\n"
        "init K float 4,4,4 rand\n" BN(4) "input W; input K; input s; input b; input m; input v\n"
        "p = Conv(x, W); c = Add(p, K) broadcast=1 axis=0; y = BatchNormalization(c, s, b, m, v) is_test=1\n",
        "y lowered broadcast"},
};

static void check(const struct foldcase *table, size_t count)
{
    assert_int_equal(foldcase_table(table, count), 0);
}

static void test_concat(void **state)
{
    (void)state;
    check(concat_cases, COUNT(concat_cases));
    check(concat_refusals, COUNT(concat_refusals));
}

static void test_split(void **state)
{
    (void)state;
    check(split_cases, COUNT(split_cases));
    check(split_refusals, COUNT(split_refusals));
}

static void test_slice(void **state)
{
    (void)state;
    check(slice_cases, COUNT(slice_cases));
    check(slice_refusals, COUNT(slice_refusals));
}

static void test_sum(void **state)
{
    (void)state;
    check(sum_cases, COUNT(sum_cases));
    check(sum_refusals, COUNT(sum_refusals));
}

static void test_product(void **state)
{
    (void)state;
    check(product_cases, COUNT(product_cases));
    check(product_refusals, COUNT(product_refusals));
}

static void test_constant(void **state)
{
    (void)state;
    check(constant_cases, COUNT(constant_cases));
    check(constant_refusals, COUNT(constant_refusals));
}

/* An output of Split that nobody reads means something else behind the fold: it must not keep its name. */
static void test_unread_output(void **state)
{
    struct bnf_model text, model = {0};
    struct bnf_graph g = {0};
    struct bnf_fold_result result;
    struct bnf_fold_options options = {.version = "test"};
    struct bnf_err err = {0};
    (void)state;
    notation_read(&text, "in c float 2,4,5,6; out z; init V float 3,2,2,2 rand\n" BN(4) NORM
                         "p, q = Split(y) axis=1; z = Conv(q, V)\n");
    struct packed source = pack_proto(text.proto);
    bnf_model_close(&text);
    if (load_packed(&model, &source, &err) || bnf_graph_build(&g, &model, &err) || bnf_shapes_infer(&g, &err) ||
        bnf_fold_model(&g, &options, &result, &err))
        fail_msg("%s", err.text);
    const Onnx__NodeProto *split = model.proto->graph->node[0];
    assert_string_equal(split->op_type, "Split");
    assert_string_not_equal(split->output[0], "p");
    assert_string_not_equal(split->output[1], "q");
    bnf_graph_free(&g);
    bnf_model_close(&model);
    bnf_free(source.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_concat), cmocka_unit_test(test_split),
        cmocka_unit_test(test_slice), cmocka_unit_test(test_unread_output),
        cmocka_unit_test(test_sum), cmocka_unit_test(test_product), cmocka_unit_test(test_constant)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
