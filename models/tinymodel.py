"""What the makers of the tiny models share."""

import zlib

import numpy as np
from onnx import TensorProto, helper

FLOAT = TensorProto.FLOAT


class Model:
    """Collects nodes and initializers of one model; every value and weight has a name to read."""

    def __init__(self, name, doc, opset=13):
        self.name, self.doc, self.opset = name, doc, opset
        self.nodes, self.weights, self.inputs, self.outputs = [], [], [], []
        self.rng = np.random.default_rng(zlib.crc32(name.encode()))

    def input(self, name, shape, dtype=FLOAT):
        self.inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, name, shape):
        self.outputs.append(helper.make_tensor_value_info(name, FLOAT, shape))

    def constant(self, name, shape, values=None):
        """An initializer of eighths between -2 and 2, without zeros, unless values are given."""
        if values is None:
            count = int(np.prod(shape))
            values = self.rng.integers(1, 17, count) / 8.0 * self.rng.choice([-1.0, 1.0], count)
        self.weights.append(helper.make_tensor(name, FLOAT, shape, [float(v) for v in values]))
        return name

    def node(self, op, inputs, output, name=None, **attributes):
        outputs = [output] if isinstance(output, str) else output
        self.nodes.append(make_node(op, inputs, outputs, name, **attributes))
        return outputs[0]

    def bn_constants(self, name, channels):
        """gamma (one of them negative), beta, mean and var of one BatchNormalization."""
        gamma = self.rng.integers(4, 13, channels) / 8.0
        gamma[self.rng.integers(channels)] *= -1.0
        return [
            self.constant(f"{name}.weight", [channels], gamma),
            self.constant(f"{name}.bias", [channels]),
            self.constant(f"{name}.running_mean", [channels]),
            self.constant(f"{name}.running_var", [channels], self.rng.integers(2, 25, channels) / 8.0),
        ]

    def bn(self, x, name, channels, y=None, **attributes):
        return self.node("BatchNormalization", [x] + self.bn_constants(name, channels), y or f"{name}.out",
                         name, **attributes)

    def proto(self):
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.weights, self.doc)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8,
                                 producer_name="make_tiny.py")


def make_node(op, inputs, outputs, name=None, **attributes):
    """A node that is called after its first output, unless it has a name of its own."""
    return helper.make_node(op, inputs, outputs, name or outputs[0].removesuffix(".out"), **attributes)
