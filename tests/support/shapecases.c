/* Expected shapes behind windows and products. */
#include "support/shapecases.h"

static const struct shape_case windows[] = {
    {"conv", "in x float N,3,9,8; init w float 5,3,3,2 zeros; y = Conv(x, w) strides=[2,1] pads=[1,0,1,1]",
        "y float[N,5,5,8]"},
    {"conv, dilated", "in x float 1,2,9; init w float 4,2,3 zeros; y = Conv(x, w) dilations=[3]",
        "y float[1,4,3]"},
    {"conv keeps symbols at stride 1",
        "in x float N,3,H,W; init w float 5,3,3,1 zeros; y = Conv(x, w) pads=[1,0,1,0]", "y float[N,5,H,W]"},
    {"conv names extents it cannot know", "in x float N,3,H,W; init w float 5,3,3,3 zeros; y = Conv(x, w)",
        "y float[N,5,y[2],y[3]]"},
    {"auto_pad",
        "in x float N,3,9,H; init w float 5,3,3,3 zeros; "
        "y = Conv(x, w) auto_pad='SAME_UPPER'; z = Conv(x, w) auto_pad='SAME_LOWER' strides=[2,2]; "
        "u = Conv(x, w) auto_pad='VALID'",
        "y float[N,5,9,H]; z float[N,5,5,z[3]]; u float[N,5,7,u[3]]"},
    {"conv without the input's rank", "in x float ?; init w float 5,3,3,3 zeros; y = Conv(x, w)",
        "y float[y[0],5,y[2],y[3]]"},
    {"conv without the weight's rank", "in x float N,3,8; in w float ?; y = Conv(x, w) kernel_shape=[3]",
        "y float[N,y[1],6]"},
    {"conv of contradictory ranks", "in x float N,3,8; init w float 5,3,3,3 zeros; y = Conv(x, w)",
        "y float?"},
    {"absurd strides",
        "in x float 1,1,8; init w float 1,1,3 zeros; a = Conv(x, w) strides=[0]; "
        "b = Conv(x, w) strides=[-1]; c = Conv(x, w) dilations=[9223372036854775807]; "
        "d = Conv(x, w) pads=[9223372036854775807,9223372036854775807]; e = Conv(x, w) pads=[-3,0]; "
        "f = Conv(x, w) strides=[1,1]; g = Conv(x, w) dilations=[9]",
        "a float[1,1,a[2]]; b float[1,1,b[2]]; c float[1,1,c[2]]; d float[1,1,d[2]]; e float[1,1,e[2]]; "
        "f float[1,1,f[2]]; g float[1,1,g[2]]"},
    {"integer conv", "in x uint8 N,3,8; init w uint8 5,3,3 zeros; y = ConvInteger(x, w)", "y int32[N,5,6]"},
    {"quantized conv",
        "in x uint8 N,3,8; init s float () 1; init z uint8 () 0; init w int8 5,3,3 zeros; "
        "y = QLinearConv(x, s, z, w, s, z, s, z)",
        "y uint8[N,5,6]"},
    {"deformable conv",
        "in x float N,3,8,8; init w float 5,3,3,3 zeros; in o float N,18,6,6; y = DeformConv(x, w, o)",
        "y float[N,5,6,6]"},
    {"conv transpose",
        "in x float N,4,5,6; init w float 4,3,3,3 zeros; "
        "y = ConvTranspose(x, w) group=2 strides=[2,2] pads=[1,1,1,1] output_padding=[1,0]",
        "y float[N,6,10,11]"},
    {"conv transpose, stated",
        "in x float N,4,5,6; init w float 4,3,3,3 zeros; y = ConvTranspose(x, w) "
        "output_shape=[11,12]; z = ConvTranspose(x, w) auto_pad='SAME_UPPER' strides=[2,3]",
        "y float[N,3,11,12]; z float[N,3,10,18]"},
    {"conv transpose, absurd",
        "in x float N,4,5; init w float 4,3,3 zeros; a = ConvTranspose(x, w) strides=[0]; "
        "b = ConvTranspose(x, w) pads=[90,90]; c = ConvTranspose(x, w) group=0; "
        "d = ConvTranspose(x, w) output_padding=[-1]",
        "a float[N,3,a[2]]; b float[N,3,b[2]]; c float[N,c[1],7]; d float[N,3,d[2]]"},
    {"pools",
        "in x float N,3,9,8; y, i = MaxPool(x) kernel_shape=[3,2] strides=[2,2]; "
        "z = AveragePool(x) kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1]; u = LpPool(x) "
        "kernel_shape=[2,2]",
        "y float[N,3,4,4]; i int64[N,3,4,4]; z float[N,3,5,4]; u float[N,3,8,7]"},
    {"ceil_mode", "in x float N,3,8,8; y = MaxPool(x) kernel_shape=[3,3] strides=[2,2] ceil_mode=1",
        "y float[N,3,4,4]"},
    {"ceil_mode where implementations differ",
        "in x float N,3,3; y = MaxPool(x) kernel_shape=[2] strides=[3] "
        "pads=[0,1] ceil_mode=1; z = AveragePool(x) kernel_shape=[1] strides=[2] "
        "pads=[0,2] ceil_mode=1",
        "y float[N,3,y[2]]; z float[N,3,3]"},
    {"pool without the input's rank", "in x float ?; y = MaxPool(x) kernel_shape=[3,3]",
        "y float[y[0],y[1],y[2],y[3]]"},
    {"global pools",
        "in x float N,3,H,8; a = GlobalAveragePool(x); b = GlobalMaxPool(x); c = GlobalLpPool(x)",
        "a float[N,3,1,1]; b float[N,3,1,1]; c float[N,3,1,1]"},
    {"regions",
        "in x float N,3,8,8; in r float R,4; in i int64 R; a = MaxRoiPool(x, r) pooled_shape=[2,3]; "
        "b = RoiAlign(x, r, i) output_height=5",
        "a float[R,3,2,3]; b float[R,3,5,1]"},
    {"unpooling keeps the rank",
        "in x float N,3,2,2; in i int64 N,3,2,2; y = MaxUnpool(x, i) kernel_shape=[2,2]",
        "y float[y[0],y[1],y[2],y[3]]"},
    {"grid", "in x float N,3,8,8; in g float N,5,6,2; y = GridSample(x, g)", "y float[N,3,5,6]"},
    {"resize by scales",
        "in x float N,3,5,W; init e float 0 zeros; init s float 4 1 1 2.5 1; y = Resize(x, e, s)",
        "y float[N,3,12,W]"},
    {"resize by sizes", "in x float N,3,5,W; init t int64 4 1 3 7 9; y = Resize(x, _, _, t)",
        "y float[1,3,7,9]"},
    {"resize along axes",
        "opset 18; in x float N,3,5,W; init t int64 2 7 9; y = Resize(x, _, _, t) axes=[2,-1]; "
        "z = Resize(x, _, _, t) axes=[2,3] keep_aspect_ratio_policy='not_larger'",
        "y float[N,3,7,9]; z float[z[0],z[1],z[2],z[3]]"},
    {"resize of opset 10", "opset 10; in x float N,3,5,6; init s float 4 1 1 2 2; y = Resize(x, s)",
        "y float[N,3,10,12]"},
    {"resize by scales of the input", "in x float N,3,5,6; in s float 4; y = Resize(x, _, s)",
        "y float[y[0],y[1],y[2],y[3]]"},
    {"upsample", "opset 9; in x float N,3,5,6; init s float 4 1 1 2 3; y = Upsample(x, s)",
        "y float[N,3,10,18]"},
    {"upsample by attribute", "opset 7; in x float N,3,5,6; y = Upsample(x) scales=[1.0,1.0,2.0,2.0]",
        "y float[N,3,10,12]"},
    {"upsample of opset 1", "opset 6; in x float N,3,5,6; y = Upsample(x) height_scale=2.0 width_scale=3.0",
        "y float[N,3,10,18]"},
};

static const struct shape_case products[] = {
    {"matmul", "in a float N,3,4; in b float 4,5; y = MatMul(a, b)", "y float[N,3,5]"},
    {"matmul of batches", "in a float N,1,3,4; in b float 6,4,M; y = MatMul(a, b)", "y float[N,6,3,M]"},
    {"matmul of vectors",
        "in a float 4; in b float 4; in c float 2,4,5; x = MatMul(a, b); y = MatMul(a, c); "
        "in d float 3,4; z = MatMul(d, a)",
        "x float[]; y float[2,5]; z float[3]"},
    {"integer matmul", "in a uint8 2,3; in b int8 3,4; y = MatMulInteger(a, b)", "y int32[2,4]"},
    {"quantized matmul",
        "in a uint8 2,3; in b int8 3,4; in s float; in z uint8; y = QLinearMatMul(a, s, z, b, s, z, s, z)",
        "y uint8[2,4]"},
    {"gemm", "in a float 3,N; in b float 5,3; y = Gemm(a, b) transA=1 transB=1; in u float ?; z = Gemm(u, b)",
        "y float[N,5]; z float[z[0],3]"},
    {"einsum",
        "in a float B,I,J; in b float B,J,K; y = Einsum(a, b) equation='bij, bjk -> bik'; "
        "z = Einsum(a, b) equation='bij,bjk'; u = Einsum(a) equation='...ij->...ji'; "
        "v = Einsum(a) equation='bij->'; w = Einsum(a) equation='b'; t = Einsum(a) equation='bij->b-'",
        "y float[B,I,K]; z float[I,K]; u undefined?; v float[]; w float[w[0]]; t undefined?"},
    {"reductions",
        "in x float N,3,4; init a int64 1 -1; p = ReduceSum(x, a); q = ReduceSum(x, a) keepdims=0; "
        "r = ReduceSum(x) keepdims=0; s = ReduceSum(x) noop_with_empty_axes=1",
        "p float[N,3,1]; q float[N,3]; r float[]; s float[N,3,4]"},
    {"reductions by attribute",
        "in x float N,3,4; p = ReduceMean(x) axes=[1]; q = ReduceMax(x) axes=[1] keepdims=0; "
        "r = ReduceMin(x); s = ReduceL1(x); t = ReduceL2(x); u = ReduceLogSum(x); "
        "v = ReduceLogSumExp(x); w = ReduceProd(x); z = ReduceSumSquare(x) axes=[7] keepdims=0",
        "p float[N,1,4]; q float[N,4]; r float[1,1,1]; s float[1,1,1]; t float[1,1,1]; u float[1,1,1]; "
        "v float[1,1,1]; w float[1,1,1]; z float[z[0],z[1]]"},
    {"reductions by an input",
        "in x float N,3,4; in a int64 2; p = ReduceSum(x, a); q = ReduceSum(x, a) keepdims=0; "
        "in b int64 K; r = ReduceSum(x, b) keepdims=0",
        "p float[p[0],p[1],p[2]]; q float[q[0]]; r float?"},
    {"positions",
        "in x float N,3; y = ArgMax(x) axis=1; z = ArgMin(x) axis=-1 keepdims=0; u = ArgMax(x) axis=9",
        "y int64[N,1]; z int64[N]; u int64?"},
    {"determinants", "in x float N,3,3; y = Det(x); in u float 3; z = Det(u)", "y float[N]; z float?"},
    {"top k", "in x float N,9; init k int64 1 4; v, i = TopK(x, k)", "v float[N,4]; i int64[N,4]"},
    {"top k of opset 1", "opset 9; in x float N,9; v, i = TopK(x) k=2 axis=0", "v float[2,9]; i int64[2,9]"},
    {"batch normalization",
        "in x float N,3,4; in p float 3; y = BatchNormalization(x, p, p, p, p); "
        "z, m, v = BatchNormalization(x, p, p, p, p) training_mode=1",
        "y float[N,3,4]; z float[N,3,4]; m float[3]; v float[3]"},
    {"layer normalization", "opset 17; in x float N,3,4; in p float 4; y, m, d = LayerNormalization(x, p)",
        "y float[N,3,4]; m float[N,3,1]; d float[N,3,1]"},
    {"lstm",
        "in x float T,B,5; in w float 2,24,5; in r float 2,24,6; "
        "y, h, c = LSTM(x, w, r) hidden_size=6 direction='bidirectional'",
        "y float[T,2,B,6]; h float[2,B,6]; c float[2,B,6]"},
    {"gru, rnn",
        "opset 14; in x float B,T,5; in w float 1,18,5; in r float 1,18,6; y, h = GRU(x, w, r) layout=1; "
        "z, g = RNN(x, w, r) hidden_size=4",
        "y float[B,T,1,6]; h float[B,1,6]; z float[B,1,T,4]; g float[1,T,4]"},
};

#define TABLE(name)                          \
    {                                        \
        name, sizeof(name) / sizeof(name)[0] \
    }

const struct shape_table shapecases[shapecases_count] = {TABLE(windows), TABLE(products)};
