"""Tiny models of the catalogue: BatchNormalizations that have to travel before a layer takes them in."""

import numpy as np
from onnx import TensorProto, helper

from tinymodel import FLOAT, Model, make_node


def relu_bn_conv():
    m = Model("relu_bn_conv", "a BN behind a Relu, in front of a convolution that does not pad: folds forward")
    x = m.input("x", ["N", 2, 4, 7])
    c = m.node("Conv", [x, m.constant("conv1.weight", [3, 2, 1, 1])], "conv1.out", kernel_shape=[1, 1])
    b = m.bn(m.node("Relu", [c], "relu.out"), "bn", 3, epsilon=1e-3)
    m.node("Conv", [b, m.constant("conv2.weight", [5, 3, 1, 2])], "y", "conv2", kernel_shape=[1, 2])
    m.output("y", ["N", 5, 4, 6])
    return m


def conv_pool_bn():
    m = Model("conv_pool_bn", "an AveragePool without padding and a MaxPool between two convolutions and their BNs")
    x = m.input("x", ["N", 2, 8, 12])
    c = m.node("Conv", [x, m.constant("conv1.weight", [3, 2, 1, 1])], "conv1.out", kernel_shape=[1, 1])
    p = m.node("AveragePool", [c], "mean.out", kernel_shape=[2, 2], strides=[2, 2])
    r = m.node("Relu", [m.bn(p, "bn1", 3, epsilon=1e-3)], "relu.out")
    c = m.node("Conv", [r, m.constant("conv2.weight", [5, 3, 1, 1]), m.constant("conv2.bias", [5])], "conv2.out",
               kernel_shape=[1, 1])
    p = m.node("MaxPool", [c], "max.out", kernel_shape=[1, 2], strides=[1, 2])
    gamma = m.constant("bn2.weight", [5], m.rng.integers(4, 13, 5) / 8.0)  # none negative
    m.node("BatchNormalization", [p, gamma] + m.bn_constants("bn2", 5)[1:], "y", "bn2", epsilon=1e-3)
    m.weights = [w for i, w in enumerate(m.weights) if w.name not in {v.name for v in m.weights[:i]}]
    m.output("y", ["N", 5, 4, 3])
    return m


def matmul_transpose_bn_transpose():
    m = Model("matmul_transpose_bn_transpose", "a BN on the features of a sequence, between two Transposes")
    x = m.input("x", ["N", 7, 3])
    p = m.node("MatMul", [x, m.constant("fc.weight", [3, 5])], "fc.product")
    a = m.node("Add", [p, m.constant("fc.bias", [5])], "fc.out")
    t = m.node("Transpose", [a], "before.out", perm=[0, 2, 1])
    b = m.bn(t, "bn", 5, epsilon=1e-3)
    m.node("Transpose", [b], "y", "after", perm=[0, 2, 1])
    m.output("y", ["N", 7, 5])
    return m


def matmul_unsqueeze_bn_squeeze():
    m = Model("matmul_unsqueeze_bn_squeeze", "a BN of images used on vectors: axes come and go around it")
    x = m.input("x", ["N", 3])
    p = m.node("Gemm", [x, m.constant("fc.weight", [5, 3]), m.constant("fc.bias", [5])], "fc.out", transB=1)
    m.weights.append(helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3]))
    u = m.node("Unsqueeze", [p, "axes"], "image.out")
    b = m.bn(u, "bn", 5, epsilon=1e-3)
    m.node("Squeeze", [b, "axes"], "y", "vector")
    m.output("y", ["N", 5])
    return m


def convtranspose_add_bn():
    m = Model("convtranspose_add_bn", "a ConvTranspose whose bias is an Add of its own, as TensorFlow exports it")
    x = m.input("x", ["N", 3, 4, 2])
    c = m.node("ConvTranspose", [x, m.constant("up.weight", [3, 5, 2, 2])], "up.product", kernel_shape=[2, 2],
               strides=[2, 2])
    a = m.node("Add", [c, m.constant("up.bias", [1, 5, 1, 1])], "up.out")
    m.bn(a, "bn", 5, "y", epsilon=1e-3)
    m.output("y", ["N", 5, 8, 4])
    return m


def bn_first():
    m = Model("bn_first", "a BN as the network's first layer, and a convolution behind it that pads: lowered")
    x = m.input("x", ["N", 2, 4, 7])
    b = m.bn(x, "bn", 2, epsilon=1e-3)
    c = m.node("Conv", [b, m.constant("conv.weight", [3, 2, 1, 3])], "conv.out", kernel_shape=[1, 3], pads=[0, 1, 0, 1])
    m.node("Relu", [c], "y", "relu")
    m.output("y", ["N", 3, 4, 7])
    return m


def bn_flatten_gemm():
    m = Model("bn_flatten_gemm", "a BN in front of Flatten and Gemm: each channel's numbers reach several rows")
    x = m.input("x", ["N", 3, 2, 4])
    r = m.node("Relu", [x], "relu.out")
    f = m.node("Flatten", [m.bn(r, "bn", 3, epsilon=1e-3)], "flat.out")
    m.node("Gemm", [f, m.constant("fc.weight", [5, 24]), m.constant("fc.bias", [5])], "y", "fc", transB=1)
    m.output("y", ["N", 5])
    return m


def bn_lstm():
    m = Model("bn_lstm", "a BN on the features of a sequence, in front of an LSTM", opset=14)
    x = m.input("x", ["N", 3, 6])
    r = m.node("Relu", [x], "relu.out")
    t = m.node("Transpose", [m.bn(r, "bn", 3, epsilon=1e-3)], "steps.out", perm=[2, 0, 1])
    m.node("LSTM", [t, m.constant("lstm.W", [1, 8, 3]), m.constant("lstm.R", [1, 8, 2]), m.constant("lstm.B", [1, 16])],
           ["y", "y_h"], "lstm", hidden_size=2)
    m.output("y", [6, 1, "N", 2])
    return m


def concat_bn():
    m = Model("concat_bn", "a BN behind the Concat of two convolutions: each takes its channels")
    x = m.input("x", ["N", 2, 4, 7])
    a = m.node("Conv", [x, m.constant("a.weight", [3, 2, 1, 1])], "a.out", kernel_shape=[1, 1])
    b = m.node("Conv", [x, m.constant("b.weight", [5, 2, 1, 3]), m.constant("b.bias", [5])], "b.out",
               kernel_shape=[1, 3], pads=[0, 1, 0, 1])
    m.bn(m.node("Concat", [a, b], "both.out", axis=1), "bn", 8, "y", epsilon=1e-3)
    m.output("y", ["N", 8, 4, 7])
    return m


def concat_half_bn():
    m = Model("concat_half_bn", "a BN behind the Concat of a convolution and a Relu: only the Relu's part is lowered")
    x = m.input("x", ["N", 3, 4, 7])
    a = m.node("Conv", [x, m.constant("a.weight", [5, 3, 1, 1])], "a.out", kernel_shape=[1, 1])
    b = m.node("Relu", [x], "relu.out")
    c = m.bn(m.node("Concat", [a, b], "both.out", axis=1), "bn", 8, epsilon=1e-3)
    m.node("Sigmoid", [c], "y", "sigmoid")
    m.output("y", ["N", 8, 4, 7])
    return m


def residual_add_bn():
    m = Model("residual_add_bn", "a BN behind the sum of two branches: both take the scale, one the shift")
    x = m.input("x", ["N", 2, 4, 7])
    a = m.node("Conv", [x, m.constant("a.weight", [5, 2, 1, 1])], "a.out", kernel_shape=[1, 1])
    b = m.node("Conv", [x, m.constant("b.weight", [5, 2, 3, 1]), m.constant("b.bias", [5])], "b.out",
               kernel_shape=[3, 1], pads=[1, 0, 1, 0])
    m.bn(m.node("Add", [a, b], "sum.out"), "bn", 5, "y", epsilon=1e-3)
    m.output("y", ["N", 5, 4, 7])
    return m


def shuffle_bn():
    m = Model("shuffle_bn", "a BN behind a channel shuffle: the convolution in front takes it in permuted")
    x = m.input("x", [1, 4, 5, 7])
    c = m.node("Conv", [x, m.constant("conv.weight", [6, 2, 1, 1]), m.constant("conv.bias", [6])], "conv.out",
               kernel_shape=[1, 1], group=2)
    m.weights.append(helper.make_tensor("apart", TensorProto.INT64, [5], [1, 2, 3, 5, 7]))
    m.weights.append(helper.make_tensor("together", TensorProto.INT64, [4], [1, 6, 5, 7]))
    a = m.node("Reshape", [c, "apart"], "apart.out")
    t = m.node("Transpose", [a], "mixed.out", perm=[0, 2, 1, 3, 4])
    s = m.node("Reshape", [t, "together"], "together.out")
    m.bn(s, "bn", 6, "y", epsilon=1e-3)
    m.output("y", [1, 6, 5, 7])
    return m


def conv_pad_uniform():
    m = Model("conv_pad_uniform",
              "a BN of one channel in front of a convolution that pads: a Pad with -t/s stands for the zeros")
    x = m.input("x", ["N", 1, 4, 7])
    r = m.node("Relu", [x], "relu.out")
    b = m.bn(r, "bn", 1, epsilon=1e-3)
    m.node("Conv", [b, m.constant("conv.weight", [3, 1, 1, 3])], "y", "conv", kernel_shape=[1, 3], pads=[0, 1, 0, 1])
    m.output("y", ["N", 3, 4, 7])
    return m


def quantized_conv_bn():
    m = Model("quantized_conv_bn", "a convolution with int8 weights: the BN goes into their scales")
    x = m.input("x", ["N", 2, 4, 5])
    q = m.rng.integers(-100, 101, 3 * 2 * 1 * 3)
    m.weights.append(helper.make_tensor("conv.weight.q", TensorProto.INT8, [3, 2, 1, 3], [int(v) for v in q]))
    m.weights.append(helper.make_tensor("conv.weight.scale", FLOAT, [], [1 / 64]))
    w = m.node("DequantizeLinear", ["conv.weight.q", "conv.weight.scale"], "conv.weight")
    c = m.node("Conv", [x, w], "conv.out", kernel_shape=[1, 3], pads=[0, 1, 0, 1])
    m.bn(c, "bn", 3, "y", epsilon=1e-3)
    m.output("y", ["N", 3, 4, 5])
    return m


CATALOGUE = [relu_bn_conv, conv_pool_bn, matmul_transpose_bn_transpose, matmul_unsqueeze_bn_squeeze,
             convtranspose_add_bn, bn_first, bn_flatten_gemm, bn_lstm, concat_bn, concat_half_bn, residual_add_bn,
             shuffle_bn, conv_pad_uniform, quantized_conv_bn]
