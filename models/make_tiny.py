#!/usr/bin/python3
"""Writes the tiny models: one idea each, as ONNX-JSON that can be read in a diff.

usage: make_tiny.py [OUTDIR]              tiny/ next to this script by default

All numbers are short binary fractions, so they print exactly. No two extents of a model that could be
confused are equal: a fold along the wrong axis cannot pass for the right one.
"""

import json
import os
import re
import sys
import textwrap

import onnx
from google.protobuf.json_format import MessageToJson, Parse
from onnx import TensorProto, helper

from tiny_catalogue import CATALOGUE
from tinymodel import FLOAT, Model, make_node

def conv_bn():
    m = Model("conv_bn", "two convolutions, the first without and the second with a bias, each with its BN")
    x = m.input("x", ["N", 2, 4, 7])
    c = m.node("Conv", [x, m.constant("conv1.weight", [3, 2, 1, 3])], "conv1.out",
               kernel_shape=[1, 3], pads=[0, 1, 0, 1])
    r = m.node("Relu", [m.bn(c, "bn1", 3, epsilon=1e-3)], "relu1.out")
    c = m.node("Conv", [r, m.constant("conv2.weight", [5, 3, 1, 1]), m.constant("conv2.bias", [5])],
               "conv2.out", kernel_shape=[1, 1])
    m.bn(c, "bn2", 5, "y")  # no epsilon attribute: the default counts
    m.output("y", ["N", 5, 4, 7])
    return m


def convtranspose_grouped_bn():
    m = Model("convtranspose_grouped_bn",
              "a ConvTranspose with two groups of 2 input and 3 output channels, and its BN")
    x = m.input("x", ["N", 4, 7, 5])
    c = m.node("ConvTranspose", [x, m.constant("up.weight", [4, 3, 1, 2]), m.constant("up.bias", [6])],
               "up.out", kernel_shape=[1, 2], strides=[1, 2], group=2)
    m.bn(c, "bn", 6, "y", epsilon=1e-3)
    m.output("y", ["N", 6, 7, 10])
    return m


def gemm_beta_bn():
    m = Model("gemm_beta_bn", "a Gemm with alpha 0.5 and beta 2, and its BN: the folded bias takes beta in")
    x = m.input("x", ["N", 3])
    g = m.node("Gemm", [x, m.constant("fc.weight", [5, 3]), m.constant("fc.bias", [5])], "fc.out",
               alpha=0.5, beta=2.0, transB=1)
    m.bn(g, "bn", 5, "y", epsilon=1e-3)
    m.output("y", ["N", 5])
    return m


def matmul_add_bn():
    m = Model("matmul_add_bn", "a linear layer written as MatMul and Add, the bias on the left, and its BN")
    x = m.input("x", ["N", 3])
    p = m.node("MatMul", [x, m.constant("fc.weight", [3, 5])], "fc.product")
    a = m.node("Add", [m.constant("fc.bias", [5]), p], "fc.out")
    m.bn(a, "bn", 5, "y", epsilon=1e-3)
    m.output("y", ["N", 5])
    return m


def decomposed_bn():
    m = Model("decomposed_bn",
              "a frozen BN: Conv, then Mul and Add by per-channel constants of shape [C,1,1]")
    x = m.input("x", ["N", 2, 4, 5])
    c = m.node("Conv", [x, m.constant("conv.weight", [3, 2, 1, 1])], "conv.out", kernel_shape=[1, 1])
    s = m.node("Mul", [c, m.constant("bn.scale", [3, 1, 1])], "bn.scaled")
    a = m.node("Add", [s, m.constant("bn.shift", [3, 1, 1])], "bn.out")
    m.node("Relu", [a], "y", "relu")
    m.output("y", ["N", 3, 4, 5])
    return m


def bn_conv_forward():
    m = Model("bn_conv_forward",
              "a BN on the input, in front of a convolution that does not pad: folds forward")
    x = m.input("x", ["N", 2, 7, 4])
    b = m.bn(x, "bn", 2, epsilon=1e-3)
    m.node("Conv", [b, m.constant("conv.weight", [3, 2, 2, 1]), m.constant("conv.bias", [3])], "y",
           "conv", kernel_shape=[2, 1])
    m.output("y", ["N", 3, 6, 4])
    return m


def bn_relu_conv_padded():
    m = Model("bn_relu_conv_padded", "a BN between the input and a Relu: nothing takes it in, it is lowered")
    x = m.input("x", ["N", 2, 4, 5])
    r = m.node("Relu", [m.bn(x, "bn", 2, epsilon=1e-3)], "relu.out")
    m.node("Conv", [r, m.constant("conv.weight", [3, 2, 1, 3])], "y", "conv",
           kernel_shape=[1, 3], pads=[0, 1, 0, 1])
    m.output("y", ["N", 3, 4, 5])
    return m


def shared_producer():
    m = Model("shared_producer", "a convolution that a BN and a Sigmoid read: it must stay as it is")
    x = m.input("x", ["N", 2, 4, 5])
    c = m.node("Conv", [x, m.constant("conv.weight", [3, 2, 1, 1]), m.constant("conv.bias", [3])], "conv.out",
               kernel_shape=[1, 1])
    r = m.node("Relu", [m.bn(c, "bn", 3, epsilon=1e-3)], "relu.out")
    s = m.node("Sigmoid", [c], "sigmoid.out")
    m.node("Add", [r, s], "y", "add")
    m.output("y", ["N", 3, 4, 5])
    return m


def training_mode():
    m = Model("training_mode", "a BN that normalizes with the statistics of its batch: it is kept", opset=15)
    x = m.input("x", ["N", 2, 4, 5])
    c = m.node("Conv", [x, m.constant("conv.weight", [3, 2, 1, 1])], "conv.out", kernel_shape=[1, 1])
    m.node("BatchNormalization", [c] + m.bn_constants("bn", 3), ["y", "bn.new_mean", "bn.new_var"],
           "bn", epsilon=1e-3, momentum=0.75, training_mode=1)
    m.output("y", ["N", 3, 4, 5])
    return m


def if_body():
    m = Model("if_body",
              "a Conv and its BN inside the then-branch of an If; x and the weights come from outside")
    m.input("cond", [], TensorProto.BOOL)
    x = m.input("x", ["N", 2, 4, 5])
    weight = m.constant("conv.weight", [3, 2, 1, 1])
    then_branch = helper.make_graph([
        make_node("Conv", [x, weight], ["then.conv.out"], "then.conv", kernel_shape=[1, 1]),
        make_node("BatchNormalization", ["then.conv.out"] + m.bn_constants("bn", 3), ["then.y"], "then.bn",
                  epsilon=1e-3),
    ], "then", [], [helper.make_tensor_value_info("then.y", FLOAT, ["N", 3, 4, 5])])
    else_branch = helper.make_graph([
        make_node("Conv", [x, weight], ["else.y"], "else.conv", kernel_shape=[1, 1]),
    ], "else", [], [helper.make_tensor_value_info("else.y", FLOAT, ["N", 3, 4, 5])])
    m.node("If", ["cond"], "y", "if", then_branch=then_branch, else_branch=else_branch)
    m.output("y", ["N", 3, 4, 5])
    return m


def weights_via_identity():
    m = Model("weights_via_identity",
              "parameters of equal value reach their second reader through Identity, as PyTorch exports them")
    x = m.input("x", ["N", 2, 4, 5])
    for name in ("weight", "running_var"):
        m.node("Identity", [f"bn1.{name}"], f"bn2.{name}")
    m.node("Identity", ["conv1.bias"], "conv2.bias")
    c = m.node("Conv", [x, m.constant("conv1.weight", [3, 2, 1, 1]), m.constant("conv1.bias", [3])],
               "conv1.out", kernel_shape=[1, 1])
    r = m.node("Relu", [m.bn(c, "bn1", 3, epsilon=1e-3)], "relu1.out")
    c = m.node("Conv", [x, m.constant("conv2.weight", [3, 2, 1, 3]), "conv2.bias"], "conv2.out",
               kernel_shape=[1, 3], pads=[0, 1, 0, 1])
    m.node("BatchNormalization", [c, "bn2.weight", m.constant("bn2.bias", [3]),
                                  m.constant("bn2.running_mean", [3]), "bn2.running_var"], "bn2.out",
           epsilon=1e-3)
    m.node("Add", [r, "bn2.out"], "y", "add")
    m.output("y", ["N", 3, 4, 5])
    return m


MODELS = [conv_bn, convtranspose_grouped_bn, gemm_beta_bn, matmul_add_bn, decomposed_bn, bn_conv_forward,
          bn_relu_conv_padded, shared_producer, training_mode, if_body, weights_via_identity] + CATALOGUE


def to_json(model):
    """Protobuf's JSON mapping with short lists of plain values on one line."""
    text = MessageToJson(model, indent=2)

    def flat(match):
        indent = re.search(r"\n( *)\]$", match.group(0)).group(1)
        values = " ".join(match.group(1).split())
        lines = textwrap.wrap(values, 108 - len(indent), break_long_words=False, break_on_hyphens=False)
        if len(lines) == 1 and len(values) < 80:
            return f"[{values}]"
        return "[\n" + "\n".join(f"{indent}  {line}" for line in lines) + f"\n{indent}]"

    flattened = re.sub(r'\[((?:\s*(?:"[^"\n]*"|-?[0-9.e+-]+),?)+)\s*\]', flat, text)
    assert json.loads(flattened) == json.loads(text)
    return flattened + "\n"


def main(argv):
    outdir = argv[1] if len(argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "tiny")
    os.makedirs(outdir, exist_ok=True)
    for make in MODELS:
        model = make().proto()
        onnx.checker.check_model(model, full_check=True)
        text = to_json(model)
        if Parse(text, onnx.ModelProto()) != model:
            raise SystemExit(f"'{make.__name__}' reads back differently")
        with open(os.path.join(outdir, f"{make.__name__}.json"), "w", encoding="utf-8") as out:
            out.write(text)
        print(f"{make.__name__}.json", len(text), "bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
