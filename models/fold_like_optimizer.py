#!/usr/bin/python3
"""Folds Conv+BatchNormalization in the style of the widespread graph optimizers, for `bnfold check`.

usage: fold_like_optimizer.py MODEL OUT

The result is correct but differs from bnfold's in every outward sign: arithmetic in float32, new names for
weight and bias, and the convolution's old output name survives while the BatchNormalization's disappears.
Other layers in front of a BatchNormalization are left alone, as those tools leave them. Main graph only.
"""

import sys
from collections import Counter

import numpy as np
import onnx
from onnx import numpy_helper


def captured_names(graph):
    """Every name that nodes of the graph and of the bodies below it read, with its number of uses."""
    uses = Counter(name for node in graph.node for name in node.input if name)
    for node in graph.node:
        for attribute in node.attribute:
            for body in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                uses += captured_names(body)
                uses.update(output.name for output in body.output)
    return uses


class Folder:
    def __init__(self, graph):
        self.graph = graph
        self.constants = {w.name: w for w in graph.initializer}
        self.producers = {name: node for node in graph.node for name in node.output}
        self.uses = captured_names(graph)
        self.outputs = {output.name for output in graph.output}
        self.taken = set(self.constants) | set(self.producers) | {i.name for i in graph.input}
        self.counter = 0

    def constant(self, name):
        """The float32 array behind a name, through Identity nodes; None if it is not constant."""
        while name in self.producers and self.producers[name].op_type == "Identity":
            name = self.producers[name].input[0]
        if name not in self.constants:
            return None
        array = numpy_helper.to_array(self.constants[name])
        return array if array.dtype == np.float32 else None

    def add_constant(self, array):
        while (name := f"fused_{self.counter}") in self.taken:
            self.counter += 1
        self.taken.add(name)
        tensor = numpy_helper.from_array(array, name)
        self.graph.initializer.append(tensor)
        self.constants[name] = tensor
        return name

    def fold(self, norm):
        """Folds one BatchNormalization if a Conv that only it reads is in front of it; says whether."""
        conv = self.producers.get(norm.input[0])
        training = any(a.name == "training_mode" and a.i for a in norm.attribute)
        if conv is None or conv.op_type != "Conv" or training or len(norm.output) != 1:
            return False
        x, y = conv.output[0], norm.output[0]
        if self.uses[x] != 1 or x in self.outputs:
            return False
        parameters = [self.constant(name) for name in norm.input[1:5]]
        weight = self.constant(conv.input[1])
        has_bias = len(conv.input) > 2 and conv.input[2] != ""
        bias = self.constant(conv.input[2]) if has_bias else np.float32(0.0)
        if weight is None or bias is None or any(p is None for p in parameters):
            return False

        gamma, beta, mean, var = parameters
        epsilon = next((a.f for a in norm.attribute if a.name == "epsilon"), 1e-5)
        scale = gamma / np.sqrt(var + np.float32(epsilon))
        per_channel = scale.reshape([-1] + [1] * (weight.ndim - 1))
        names = [conv.input[0], self.add_constant(weight * per_channel),
                 self.add_constant((bias - mean) * scale + beta)]
        del conv.input[:]
        conv.input.extend(names)
        self.rewire(norm, conv, x, y)
        return True

    def rewire(self, norm, conv, x, y):
        """The BatchNormalization's readers now read the convolution; a graph output keeps its own name."""
        self.graph.node.remove(norm)
        if y in self.outputs or any(a.HasField("g") or a.graphs for n in self.graph.node for a in n.attribute):
            old, new = x, y
        else:
            old, new = y, x
        for node in self.graph.node:
            node.input[:] = [new if name == old else name for name in node.input]
            node.output[:] = [new if name == old else name for name in node.output]
        self.uses = captured_names(self.graph)
        self.producers = {name: node for node in self.graph.node for name in node.output}

    def sweep(self):
        """Removes Identity nodes and initializers that nobody reads any more, and stale value_info."""
        dead = True
        while dead:
            uses = captured_names(self.graph)
            dead = [n for n in self.graph.node if n.op_type == "Identity"
                    and not uses[n.output[0]] and n.output[0] not in self.outputs]
            for node in dead:
                self.graph.node.remove(node)
        kept = [w for w in self.graph.initializer if uses[w.name] or w.name in self.outputs]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)
        del self.graph.value_info[:]


def fold_model(model):
    """Folds in place; returns (folded, left)."""
    folder = Folder(model.graph)
    norms = [node for node in model.graph.node if node.op_type == "BatchNormalization"]
    folded = sum(folder.fold(norm) for norm in norms)
    folder.sweep()
    return folded, len(norms) - folded


def main(argv):
    if len(argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    model = onnx.load(argv[1])
    folded, left = fold_model(model)
    onnx.checker.check_model(model)
    onnx.save(model, argv[2])
    print(f"{argv[2]}: {folded} folded, {left} left")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
