#!/usr/bin/python3
"""Makes pairs of equivalent models whose folding was done by others, for `bnfold check REF NEW`.

usage: make_pairs.py OUTDIR

REF                       NEW, by
resnet18.onnx             resnet18_torch.onnx (torch's own fusion), resnet18_opt.onnx, resnet18_ort.onnx
resnet18_numbered.onnx    resnet18_torch.onnx: both numbered, so equal names mean different values
mobilenet_v2.onnx         mobilenet_v2_opt.onnx, mobilenet_v2_ort.onnx
digits.onnx               digits_opt.onnx, digits_ort.onnx

The _ort files need node and onnxruntime-node (NODE_PATH).
"""

import copy
import os
import shutil
import subprocess
import sys

import onnx
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from fold_like_optimizer import fold_model
from make_zoo import build, export_zoo
from modelgen import describe

HERE = os.path.dirname(os.path.abspath(__file__))


def fuse_resnet(module):
    """Every convolution with the BatchNorm that follows it, by torch's own fusion of two layers."""
    children = dict(module.named_children())
    for child in children.values():
        fuse_resnet(child)
    pairs = [(f"conv{i}", f"bn{i}") for i in range(1, 4)] + [("0", "1")]
    for conv, norm in pairs:
        if isinstance(children.get(conv), nn.Conv2d) and isinstance(children.get(norm), nn.BatchNorm2d):
            setattr(module, conv, fuse_conv_bn_eval(children[conv], children[norm]))
            setattr(module, norm, nn.Identity())
    return module


def number_values(path, out):
    """Renames every weight and inner value to a number, as exporters do that know no scopes."""
    model = onnx.load(path)
    graph = model.graph
    fixed = {v.name for v in list(graph.input) + list(graph.output)}
    names = {}
    for tensor in graph.initializer:
        names[tensor.name] = str(len(fixed) + len(names))
        tensor.name = names[tensor.name]
    for node in graph.node:
        for name in node.output:
            if name not in fixed:
                names[name] = str(len(fixed) + len(names))
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        node.name = f"{node.op_type}_{node.output[0]}"
    onnx.checker.check_model(model)
    onnx.save(model, out)


def fold_others(outdir, name):
    source = os.path.join(outdir, f"{name}.onnx")
    model = onnx.load(source)
    fold_model(model)
    onnx.checker.check_model(model)
    onnx.save(model, os.path.join(outdir, f"{name}_opt.onnx"))
    done = subprocess.run([os.environ.get("NODE", "node"), os.path.join(HERE, "ort_fold.js"), source,
                           os.path.join(outdir, f"{name}_ort.onnx")], check=False)
    if done.returncode != 0:
        raise SystemExit(f"no {name}_ort.onnx: ort_fold.js ended with {done.returncode}")


def main(argv):
    if len(argv) != 2 or argv[1].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    outdir = argv[1]
    os.makedirs(outdir, exist_ok=True)

    def path(name):
        return os.path.join(outdir, f"{name}.onnx")

    resnet = build("resnet18")
    export_zoo("resnet18", resnet, path("resnet18"))
    export_zoo("resnet18", fuse_resnet(copy.deepcopy(resnet)), path("resnet18_torch"))
    number_values(path("resnet18_torch"), path("resnet18_torch"))
    number_values(path("resnet18"), path("resnet18_numbered"))
    export_zoo("mobilenet_v2", build("mobilenet_v2"), path("mobilenet_v2"))
    shutil.copyfile(os.path.join(HERE, "digits.onnx"), path("digits"))
    for name in ("resnet18", "mobilenet_v2", "digits"):
        fold_others(outdir, name)
    for name in sorted(os.listdir(outdir)):
        if name.endswith(".onnx"):
            print(describe(os.path.join(outdir, name)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
