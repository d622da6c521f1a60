/* Expected numbers of reductions, normalizations, casts and losses. */
#include "support/mathcases.h"

static const struct math_case reductions[] = {
    {"sum", "init a int64 1 1; in x float 2,3; out y; y = ReduceSum(x, a)", "1 2 3 4 5 6", "2,1: 6 15"},
    {"sum of columns", "opset 11; in x float 2,3; out y; y = ReduceSum(x) axes=[0] keepdims=0", "1 2 3 4 5 6",
        "3: 5 7 9"},
    {"sum of everything", "in x float 2,3; out y; y = ReduceSum(x) keepdims=0", "1 2 3 4 5 6", ": 21"},
    {"outer and inner axes", "opset 11; in x float 2,2,2; out y; y = ReduceSum(x) axes=[0,-1]",
        "1 2 3 4 5 6 7 8", "1,2,1: 14 22"},
    {"the axis between", "opset 11; in x float 2,2,2; out y; y = ReduceSum(x) axes=[1] keepdims=0",
        "1 2 3 4 5 6 7 8", "2,2: 4 6 12 14"},
    {"nothing asked", "in x float 2; out y; y = ReduceSum(x) noop_with_empty_axes=1", "1 2", "2: 1 2"},
    {"sum of nothing",
        "init a int64 1 1; in x float 2,0; out y; out z; y = ReduceSum(x, a); z = ReduceMax(x) axes=[1]", "",
        "2,1: 0 0; 2,1: -inf -inf"},
    {"integers over no elements", "init a int64 1 1; in x int64 2,0; out y; y = ReduceSum(x, a)", "", "2,1: 0 0"},
    {"mean", "in x float 2,3; out y; y = ReduceMean(x) axes=[1]", "1 -2 3 0.5 4 -1",
        "2,1: 0.666666666666667 1.16666666666667"},
    {"axes as input", "opset 18; init a int64 1 0; in x float 2,3; out y; y = ReduceMean(x, a) keepdims=0",
        "1 2 3 4 5 6", "3: 2.5 3.5 4.5"},
    {"max, min",
        "in x float 2,3; out p; out q; p = ReduceMax(x) axes=[1]; q = ReduceMin(x) axes=[0] keepdims=0",
        "1 nan 3 0.5 4 -1", "2,1: nan 4; 3: 0.5 nan -1"},
    {"prod", "in x float 2,3; out y; y = ReduceProd(x) axes=[1] keepdims=0", "1 -2 3 0.5 4 -1", "2: -6 -2"},
    {"norms",
        "in x float 2,3; out p; out q; out r; p = ReduceL1(x) axes=[1] keepdims=0; q = ReduceL2(x) axes=[1] "
        "keepdims=0; "
        "r = ReduceSumSquare(x) axes=[1] keepdims=0",
        "1 -2 3 0.5 4 -1", "2: 6 5.5; 2: 3.74165738677394 4.15331193145904; 2: 14 17.25"},
    {"logarithms",
        "in x float 2,3; out p; out q; p = ReduceLogSum(x) axes=[1] keepdims=0; "
        "q = ReduceLogSumExp(x) axes=[1] keepdims=0",
        "1 -2 3 0.5 4 -1", "2: 0.693147180559945 1.25276296849537; 2: 3.13284523372758 4.03626956512478"},
    {"large exponents",
        "in x float 2,2; out p; out q; p = ReduceLogSumExp(x) axes=[1] keepdims=0; "
        "q = ReduceLogSumExp(x) axes=[0] keepdims=0",
        "1000 1000 -inf -inf", "2: 1000.69314718055995 -inf; 2: 1000 1000"},
    {"integers",
        "init a int64 1 0; in x int32 2,2; out p; out q; out r; out s; p = ReduceSum(x, a) keepdims=0; "
        "q = ReduceMax(x) axes=[0] keepdims=0; r = ReduceMean(x) axes=[0] keepdims=0; "
        "s = ReduceL2(x) axes=[0] keepdims=0",
        "3 -7 4 2", "2: 7 -5; 2: 4 2; 2: 3 -2; 2: 5 7"},
    {"integers of all sorts",
        "in x int8 3; out p; out q; out r; out s; p = ReduceMin(x) keepdims=0; "
        "q = ReduceProd(x) keepdims=0; r = ReduceL1(x) keepdims=0; s = ReduceSumSquare(x) keepdims=0",
        "100 -3 2", ": -3; : -88; : 105; : 29"},
};

static const struct math_case normalizations[] = {
    {"batchnorm",
        "in x float 2,2,2; in g float 2; in b float 2; in m float 2; in v float 2; out y; y = "
        "BatchNormalization(x, g, b, m, v)",
        "1 2 3 4 5 6 7 9; 2 0.5; 1 -1; 3 5; 4 0.25",
        "2,2,2: -0.999997500004751 1.24999762474154e-06 -2.99996000120097 -1.99998000060049 2.99999750000475 "
        "3.99999625000713 0.99996000120097 2.99992000240194"},
    {"batchnorm of vectors",
        "opset 15; in x float 2,2; in g float 2; in b float 2; in m float 2; in v float 2; out y; "
        "y = BatchNormalization(x, g, b, m, v) epsilon=1.0",
        "1 2 5 6; 2 0.5; 1 -1; 3 5; 3 8", "2,2: -1 -1.5 3 -0.833333333333333"},
    {"batchnorm in training",
        "opset 14; in x float 2,2,2; in g float 2; in b float 2; in m float 2; in v float 2; out y; out p; "
        "out q; "
        "y, p, q = BatchNormalization(x, g, b, m, v) training_mode=1 momentum=0.75",
        "1 2 3 4 5 6 7 9; 2 0.5; 1 -1; 3 5; 4 0.25",
        "2,2,2: -1.42535339700814 -0.455212038204885 -1.57655615333474 -1.36689937030392 2.45521203820489 "
        "3.42535339700814 -0.737929021211483 -0.318615455149855; 2: 3.125 5.1875; 2: 4.0625 1.609375"},
    {"more outputs were training",
        "opset 9; in x float 2,2,2; in g float 2; in b float 2; in m float 2; in v float 2; out p; out q; "
        "out r; out s; "
        "y, p, q, r, s = BatchNormalization(x, g, b, m, v) momentum=0.75",
        "1 2 3 4 5 6 7 9; 2 0.5; 1 -1; 3 5; 4 0.25",
        "2: 3.125 5.1875; 2: 4.0625 1.609375; 2: 3.5 5.75; 2: 4.25 5.6875"},
    {"not is_test was training",
        "opset 6; in x float 2,2,2; in g float 2; in b float 2; in m float 2; in v float 2; out y; "
        "y = BatchNormalization(x, g, b, m, v)",
        "1 2 3 4 5 6 7 9; 2 0.5; 1 -1; 3 5; 4 0.25",
        "2,2,2: -1.42535339700814 -0.455212038204885 -1.57655615333474 -1.36689937030392 2.45521203820489 "
        "3.42535339700814 -0.737929021211483 -0.318615455149855"},
    {"is_test",
        "opset 6; in x float 1,1,2; in g float 1; in b float 1; in m float 1; in v float 1; out y; "
        "y = BatchNormalization(x, g, b, m, v) is_test=1 epsilon=1.0",
        "1 5; 2; 1; 3; 3", "1,1,2: -1 3"},
    {"statistics of each element",
        "opset 7; in x float 2,2,2; in g float 2,2; in b float 2,2; in m float 2,2; in v float 2,2; out y; "
        "y = BatchNormalization(x, g, b, m, v) spatial=0",
        "1 2 3 4 5 6 7 9; 1 2 0.5 1; 0 1 2 3; 1 1 2 2; 1 4 0.25 1",
        "2,2,2: 0 1.99999875000238 2.99998000060049 4.99999000007525 3.9999800001505 5.99999375001188 "
        "6.99990000300243 "
        "9.99996500026338"},
    {"instance", "in x float 2,2,2; in g float 2; in b float 2; out y; y = InstanceNormalization(x, g, b)",
        "1 2 3 4 5 6 7 9; 2 0.5; 1 -1",
        "2,2,2: -0.99996000120097 2.99996000120097 -1.49999000030024 -0.500009999699758 -0.999960001200972 "
        "2.99996000120097 -1.49999750001881 -0.500002499981187"},
    {"group, a scale for each channel",
        "opset 21; in x float 1,4,2; in g float 4; in b float 4; out y; y = GroupNormalization(x, g, b) "
        "num_groups=2",
        "1 2 3 4 5 6 7 9; 1 2 3 4; 0 1 0 1",
        "1,4,2: -1.34163541996906 -0.447211806656354 1.89442361331271 3.68327083993812 -3.54963975640695 "
        "-1.52127418131726 1.67612185836323 7.08509672526905"},
    {"group, a scale for each group",
        "opset 18; in x float 1,4,2; in g float 2; in b float 2; out y; y = GroupNormalization(x, g, b) "
        "num_groups=2",
        "1 2 3 4 5 6 7 9; 1 2; 0 1",
        "1,4,2: -1.34163541996906 -0.447211806656354 0.447211806656354 1.34163541996906 -1.3664265042713 "
        "-0.0141827875448421 1.33806092918161 4.04254836263453"},
    {"layer",
        "opset 17; in x float 2,3; in g float 3; in b float 3; out y; out m; out i; y, m, i = "
        "LayerNormalization(x, g, b)",
        "1 2 4 0 3 3.5; 1 2 0.5; 0 1 -1",
        "2,3: -1.06904153145038 0.465479234274808 -0.33184904284351 -1.40182311759946 2.07832547507651 "
        "-0.568669809969397; "
        "2,1: 2.33333333333333 2.16666666666667; 2,1: 0.801781148587788 0.646995285045904"},
    {"layer over two axes, one scale",
        "opset 17; in x float 2,3; in g float 1,1; out y; y = LayerNormalization(x, g) axis=0",
        "1 2 4 0 3 3.5; 2",
        "2,3: -1.77704214391343 -0.355408428782687 2.48785900147881 -3.19867585904418 1.06622528634806 "
        "1.77704214391343"},
    {"rms", "opset 23; in x float 2,3; in g float 3; out y; y = RMSNormalization(x, g)",
        "1 2 4 0 3 3.5; 1 2 0.5",
        "2,3: 0.3779642030349 1.5118568121396 0.755928406069799 0 2.25440585656183 0.6575350414972"},
    {"simplified layer",
        "in x float 2,3; in g float 3; out y; out i; y, i = SimplifiedLayerNormalization(x, g)",
        "1 2 4 0 3 3.5; 1 2 0.5",
        "2,3: 0.3779642030349 1.5118568121396 0.755928406069799 0 2.25440585656183 0.6575350414972; "
        "2,1: 0.3779642030349 0.375734309426972"},
    {"simplified layer of ONNX Runtime",
        "opset com.microsoft 1; in x float 1,2; in g float 2; out y; y = "
        "com.microsoft.SimplifiedLayerNormalization(x, g) epsilon=1.0",
        "2 -2; 3 1", "1,2: 2.68328157299975 -0.894427190999916"},
    {"l2", "in x float 2,3; out y; y = LpNormalization(x)", "1 2 4 0 3 3.5",
        "2,3: 0.218217890235992 0.436435780471985 0.87287156094397 0 0.650791373455968 0.759256602365297"},
    {"l1 of columns", "in x float 2,3; out y; y = LpNormalization(x) axis=0 p=1", "1 2 0 0 3 0",
        "2,3: 1 0.4 0 0 0.6 0"},
    {"lrn", "in x float 1,5,1; out y; y = LRN(x) size=3 alpha=0.5", "1 2 3 4 5",
        "1,5,1: 0.634700622001212 0.810720092884221 0.799251866661966 0.749087256432583 1.06784950007198"},
    {"lrn of even size", "in x float 1,5,1; out y; y = LRN(x) size=2 alpha=0.25 beta=0.5 bias=2.0",
        "1 2 3 4 5",
        "1,5,1: 0.617213399848368 1.05045146287778 1.32517831289816 1.49853729853071 2.20863052149693"},
    {"mean and variance", "in x float 2,2,2,1; out y; y = MeanVarianceNormalization(x)", "1 2 3 4 5 6 7 9",
        "2,2,2,1: -1.21267812459343 -0.727606874756058 -1.15311331991059 -0.733799385397651 "
        "0.727606874756058 "
        "1.21267812459343 0.524142418141179 1.36277028716707"},
};

static const struct math_case casts[] = {
    {"fractions are dropped", "in x float 4; out y; y = Cast(x) to=6", "1.75 -1.75 nan -0.5", "4: 1 -1 0 0"},
    {"high bits are dropped", "in x float 2; out y; y = Cast(x) to=2", "257 -1", "2: 1 255"},
    {"to bool", "in x float 3; out y; y = Cast(x) to=9", "0 0.25 nan", "3: 0 1 1"},
    {"integers", "in x int64 2; out y; out z; y = Cast(x) to=3; z = Cast(x) to=1", "300 -2",
        "2: 44 -2; 2: 300 -2"},
    {"uint64", "in x uint64 1; out y; y = Cast(x) to=11", "18446744073709551615", "1: 18446744073709551616"},
    {"to uint64", "in x float 1; out y; y = Cast(x) to=13", "18446742974197923840",
        "1: 18446742974197923840"},
    {"float16 rounds", "in x float 3; out y; y = Cast(x) to=10", "1.0009765625 2049 70000",
        "3: 1.0009765625 2048 inf"},
    {"bfloat16 rounds", "in x float 2; out y; y = Cast(x) to=16", "1.00390625 1.01171875", "2: 1 1.015625"},
    {"to float and back", "in x float16 2; out y; y = Cast(x) to=1", "0.5 2", "2: 0.5 2"},
    {"by the type's name", "opset 5; in x float 1; out y; y = Cast(x) to='INT32'", "2.5", "1: 2"},
    {"to text", "in x float 6; out y; y = Cast(x) to=8", "0.5 3 -1e-7 inf nan 0.125",
        "6: 0.5 3 -1e-07 INF NaN 0.125"},
    {"integers to text", "in x int64 2; out y; y = Cast(x) to=8", "-5 12", "2: -5 12"},
    {"from text", "in x string 4; out y; out z; y = Cast(x) to=1; z = Cast(x) to=7", "1.5 -2 3e2 7",
        "4: 1.5 -2 300 7; 4: 1 -2 300 7"},
    {"like another", "opset 15; in x float 2; in l int32 1; out y; y = CastLike(x, l)", "1.5 -2.5; 0",
        "2: 1 -2"},
};

static const struct math_case losses[] = {
    {"mean by weights",
        "in x float 2,3; in t int64 2; in w float 3; out y; y = SoftmaxCrossEntropyLoss(x, t, w)",
        "1 2 0.5 0 -1 2; 2 0; 1 0.5 2", ": 2.03286119592406"},
    {"each",
        "in x float 2,3; in t int64 2; in w float 3; out y; y = SoftmaxCrossEntropyLoss(x, t, w) "
        "reduction='none'",
        "1 2 0.5 0 -1 2; 2 0; 1 0.5 2", "2: 3.92873756821589 2.16984601955629"},
    {"one ignored",
        "in x float 2,3; in t int64 2; out y; out l; y, l = SoftmaxCrossEntropyLoss(x, t) ignore_index=0",
        "1 2 0.5 0 -1 2; 2 0",
        ": 1.96436878410794; 2,3: -1.46436878410794 -0.464368784107945 -1.96436878410794 -2.16984601955629 "
        "-3.16984601955629 -0.169846019556286"},
    {"of logarithms",
        "in x float 2,3; in t int64 2; in w float 3; out y; out z; y = NegativeLogLikelihoodLoss(x, t, w); "
        "z = NegativeLogLikelihoodLoss(x, t, w) reduction='sum'",
        "1 2 0.5 0 -1 2; 2 0; 1 0.5 2", ": -0.333333333333333; : -1"},
    {"with positions",
        "in x float 1,2,2; in t int64 1,2; out y; y = NegativeLogLikelihoodLoss(x, t) reduction='none'",
        "1 2 3 4; 1 0", "1,2: -3 -2"},
};

#define TABLE(name)                          \
    {                                        \
        name, sizeof(name) / sizeof(name)[0] \
    }

const struct math_table mathcases[mathcases_count] = {
    TABLE(reductions), TABLE(normalizations), TABLE(casts), TABLE(losses)};
