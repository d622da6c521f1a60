#!/usr/bin/python3
"""Writes models of chosen sizes for measuring the speed of the disk.

usage: stream_models.py OUTDIR [MB …]       15, 100, 250 and 500 by default
       stream_models.py --external OUTDIR [MB …]

A model is a chain of 3x3 convolutions of 128 to 1024 channels (128 only in the smallest), each with a
BatchNormalization and a Relu behind it, so that folding rewrites its weights; every tenth has none, so that there are
bytes that stay as well. --external puts the weights into a side file next to the model, which may then exceed 2 GiB.
"""

import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

EVERY_PLAIN = 10
ALIGNMENT = 4096


class Weights:
    """Initializers, in the model or in a side file."""

    def __init__(self, side):
        self.side, self.tensors, self.bytes = side, [], 0

    def add(self, name, array):
        data = np.ascontiguousarray(array, np.float32)
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=data.shape)
        if self.side and data.nbytes >= 1024:
            offset = self.side.seek(-(-self.side.tell() // ALIGNMENT) * ALIGNMENT)
            self.side.write(data.data)
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (("location", os.path.basename(self.side.name)), ("offset", offset),
                               ("length", data.nbytes)):
                tensor.external_data.add(key=key, value=str(value))
        else:
            tensor.raw_data = data.tobytes()
        self.tensors.append(tensor)
        self.bytes += data.nbytes
        return name


def widths(size):
    """Channels of the layers, in and out, until their weights fill the size."""
    wide = next((c for c in (1024, 512, 256) if 9 * 4 * c * c * 8 <= size), 128)
    narrow = wide // 2 if wide > 128 else wide
    before, i = 16, 0
    while size > 0:
        channels = narrow if i % 3 == 2 else wide
        yield before, channels
        size -= before * channels * 9 * 4
        before, i = channels, i + 1


def chain(size, weights):
    rng = np.random.default_rng(size)
    pool = rng.standard_normal((1024, 1024, 3, 3), np.float32)  # cut and turned: drawing gigabytes takes too long
    nodes, x, channels = [], "input", 16
    for i, (before, channels) in enumerate(widths(size)):
        at = f"layer{i}"
        gain = np.float32((2 / (9 * before)) ** 0.5)
        cut = np.roll(pool, i, 1)[:channels, :before] * gain
        y = f"{at}.conv"
        nodes.append(helper.make_node("Conv", [x, weights.add(f"{at}.weight", cut)], [y], f"{at}/Conv",
                                      kernel_shape=[3, 3], pads=[1, 1, 1, 1]))
        if i % EVERY_PLAIN != EVERY_PLAIN - 1:
            nodes.append(helper.make_node("BatchNormalization", [
                y, weights.add(f"{at}.gamma", rng.uniform(0.8, 1.2, channels)),
                weights.add(f"{at}.beta", rng.uniform(-0.2, 0.2, channels)),
                weights.add(f"{at}.mean", rng.normal(0, 0.1, channels)),
                weights.add(f"{at}.var", rng.uniform(0.8, 1.2, channels))
            ], [f"{at}.bn"], f"{at}/BatchNormalization", epsilon=1e-5))
            y = f"{at}.bn"
        x = f"{at}.relu"
        nodes.append(helper.make_node("Relu", [y], [x], f"{at}/Relu"))
    nodes.append(helper.make_node("GlobalAveragePool", [x], ["output"], "pool"))
    info = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "chain of convolutions",
                              [info("input", TensorProto.FLOAT, ["N", 16, 4, 4])],
                              [info("output", TensorProto.FLOAT, ["N", channels, 1, 1])])
    graph.initializer.extend(weights.tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8,
                             producer_name="stream_models.py")


def write(folder, megabytes, external):
    path = os.path.join(folder, f"stream_{megabytes}.onnx")
    side = open(f"{path}.data", "wb") if external else None
    weights = Weights(side)
    model = chain(megabytes * 10**6, weights)
    if side:
        side.close()
    with open(path, "wb") as file:
        file.write(model.SerializeToString())
    print(f"{os.path.basename(path):20} {len(model.graph.node):5d} nodes {weights.bytes / 2**20:8.1f} MiB of weights",
          flush=True)


def main(argv):
    external = argv[1:2] == ["--external"]
    rest = argv[1 + external:]
    if not rest or rest[0].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    os.makedirs(rest[0], exist_ok=True)
    for megabytes in [int(n) for n in rest[1:]] or [15, 100, 250, 500]:
        write(rest[0], megabytes, external)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
