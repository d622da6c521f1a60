#!/usr/bin/python3
"""Writes long chains of small Conv+BatchNormalization blocks, to see how run time grows with the graph.

usage: make_bench.py OUTDIR [NODES …]     25000, 50000 and 100000 nodes by default

A block is Conv (1x1, 4 channels), BatchNormalization, Relu, Add with the block's input; every block has its
own initializers. Each block adds a little to its input, the less the longer the chain, so that the numbers
stay finite at any length.
"""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CHANNELS = 4


def chain(blocks):
    rng = np.random.default_rng(blocks)
    gain = 4.0 / blocks
    nodes, weights = [], []

    def constant(name, array):
        weights.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    x = "input"
    for i in range(blocks):
        at = f"block{i}"
        nodes.append(helper.make_node("Conv", [
            x, constant(f"{at}.conv.weight", rng.normal(0.0, 0.5, (CHANNELS, CHANNELS, 1, 1)))
        ], [f"{at}.conv"], f"{at}/Conv", kernel_shape=[1, 1]))
        nodes.append(helper.make_node("BatchNormalization", [
            f"{at}.conv",
            constant(f"{at}.bn.weight", rng.uniform(-1.0, 1.5, CHANNELS) * gain),
            constant(f"{at}.bn.bias", rng.uniform(-1.0, 1.0, CHANNELS) * gain),
            constant(f"{at}.bn.running_mean", rng.normal(0.0, 0.5, CHANNELS)),
            constant(f"{at}.bn.running_var", rng.uniform(0.5, 2.0, CHANNELS)),
        ], [f"{at}.bn"], f"{at}/BatchNormalization", epsilon=1e-5))
        nodes.append(helper.make_node("Relu", [f"{at}.bn"], [f"{at}.relu"], f"{at}/Relu"))
        y = "output" if i == blocks - 1 else f"{at}.out"
        nodes.append(helper.make_node("Add", [f"{at}.relu", x], [y], f"{at}/Add"))
        x = y

    shape = ["N", CHANNELS, 2, 2]
    graph = helper.make_graph(
        nodes, f"chain of {blocks} blocks",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, shape)], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8,
                             producer_name="make_bench.py")


def main(argv):
    if len(argv) < 2 or argv[1].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    os.makedirs(argv[1], exist_ok=True)
    for count in [int(n) for n in argv[2:]] or [25000, 50000, 100000]:
        blocks = max(count // 4, 1)
        label = f"{count // 1000}k" if count % 1000 == 0 else str(count)
        path = os.path.join(argv[1], f"chain_{label}.onnx")
        model = chain(blocks)
        onnx.checker.check_model(model)
        onnx.save(model, path)
        print(f"{os.path.basename(path):20} {4 * blocks:7d} nodes {blocks:6d} BatchNormalization "
              f"{os.path.getsize(path) / 1048576.0:8.2f} MiB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
