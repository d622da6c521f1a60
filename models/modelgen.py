"""What the model-making scripts share: seeds, live BatchNorm statistics, export, a summary line."""

import os
import warnings
import zlib

import numpy as np
import onnx
import torch
from torch import nn

OPSET = 13


def seed_all(name):
    """One fixed seed per model name, and one thread: sums then run in the same order every time."""
    seed = zlib.crc32(name.encode())
    torch.manual_seed(seed)
    np.random.seed(seed)
    torch.set_num_threads(1)


def batchnorms(model):
    return [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


def live_batchnorms(model, batches):
    """Gives every BatchNorm parameters as a trained network has them, not the constructor's 1, 0, 0, 1.

    A fold that forgets the mean, or takes the variance for the standard deviation, is invisible on fresh
    parameters. The statistics are the ones the given batches really produce, so activations stay in range.
    """
    norms = batchnorms(model)
    for norm in norms:
        gamma = torch.empty_like(norm.weight).uniform_(0.5, 1.5)
        gamma[torch.rand_like(gamma) < 0.1] *= -1.0
        norm.weight.data.copy_(gamma)
        norm.bias.data.uniform_(-0.5, 0.5)
        norm.reset_running_stats()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None  # the plain average over the batches
    model.train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    model.eval()


def export(model, example, path, dynamic_batch=False, input_name="input", output_name="output", opset=OPSET):
    """Writes the eval() model with its BatchNormalization nodes kept, under `path` once it is complete."""
    model.eval()
    axes = {input_name: {0: "N"}, output_name: {0: "N"}} if dynamic_batch else None
    part = f"{path}.part"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, example, part,
            training=torch.onnx.TrainingMode.PRESERVE,  # EVAL would fuse the BatchNorms while exporting
            do_constant_folding=False, opset_version=opset,
            input_names=[input_name], output_names=[output_name], dynamic_axes=axes)
    os.replace(part, path)


def summary(path):
    """(nodes, BatchNormalization nodes); stops when one of them is not in inference form."""
    model = onnx.load(path)
    norms = [n for n in model.graph.node if n.op_type == "BatchNormalization"]
    for node in norms:
        outputs = [name for name in node.output if name]
        training = [a.i for a in node.attribute if a.name == "training_mode"]
        if len(outputs) != 1 or any(training):
            raise SystemExit(f"{path}: '{node.name}' is in training mode")
    return len(model.graph.node), len(norms)


def describe(path):
    nodes, norms = summary(path)
    size = os.path.getsize(path) / 1048576.0
    return f"{os.path.basename(path):28} {nodes:7d} nodes {norms:6d} BatchNormalization {size:9.2f} MiB"
