#!/usr/bin/python3
"""Exports torchvision's networks with random weights and live BatchNorm statistics.

usage: make_zoo.py OUTDIR [name …]        every network by default; a file that exists is left alone
"""

import os
import sys

import torch
import torchvision.models as tv

from modelgen import describe, export, live_batchnorms, seed_all

# constructor arguments beyond weights=None, shape that feeds the statistics, exported shape, dynamic batch
ZOO = {
    "resnet18": (tv.resnet18, {}, (4, 3, 96, 96), (1, 3, 224, 224), True),
    "resnet152": (tv.resnet152, {}, (4, 3, 96, 96), (1, 3, 224, 224), False),
    "mobilenet_v2": (tv.mobilenet_v2, {}, (4, 3, 96, 96), (1, 3, 224, 224), False),
    "densenet121": (tv.densenet121, {}, (4, 3, 96, 96), (1, 3, 224, 224), False),
    "resnet50": (tv.resnet50, {}, (4, 3, 96, 96), (1, 3, 224, 224), False),
    "efficientnet_b0": (tv.efficientnet_b0, {}, (4, 3, 96, 96), (1, 3, 224, 224), False),
    # built without the auxiliary heads, which the inference graph does not have anyway
    "inception_v3": (tv.inception_v3, {"init_weights": False, "aux_logits": False},
                     (4, 3, 139, 139), (1, 3, 299, 299), False),
    "googlenet": (tv.googlenet, {"init_weights": False, "aux_logits": False},
                  (4, 3, 96, 96), (1, 3, 224, 224), False),
    "shufflenet_v2_x1_0": (tv.shufflenet_v2_x1_0, {}, (4, 3, 96, 96), (1, 3, 224, 224), False),
    "regnet_y_400mf": (tv.regnet_y_400mf, {}, (4, 3, 96, 96), (1, 3, 224, 224), False),
    "vgg16_bn": (tv.vgg16_bn, {"init_weights": False}, (2, 3, 64, 64), (1, 3, 224, 224), False),
    "r3d_18": (tv.video.r3d_18, {}, (2, 3, 8, 56, 56), (1, 3, 8, 112, 112), False),
    "deeplabv3_resnet50": (tv.segmentation.deeplabv3_resnet50,
                           {"weights_backbone": None, "aux_loss": None},
                           (4, 3, 64, 64), (1, 3, 128, 128), False),
}
BATCHES = 2


class First(torch.nn.Module):
    """Turns a segmentation network's dictionary of outputs into its one output tensor."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)["out"]


def build(name):
    """The network in eval mode with live statistics; the same weights on every call."""
    make, options, stats_shape, _, _ = ZOO[name]
    seed_all(name)
    model = make(weights=None, **options)
    if name.startswith("deeplab"):
        model = First(model)
    live_batchnorms(model, [torch.randn(stats_shape) for _ in range(BATCHES)])
    return model


def export_zoo(name, model, path):
    shape, dynamic = ZOO[name][3:]
    export(model, torch.randn(shape), path, dynamic_batch=dynamic)


def main(argv):
    if len(argv) < 2 or argv[1].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    outdir, names = argv[1], argv[2:] or list(ZOO)
    unknown = [name for name in names if name not in ZOO]
    if unknown:
        print(f"unknown network '{unknown[0]}', known are {', '.join(ZOO)}", file=sys.stderr)
        return 2
    os.makedirs(outdir, exist_ok=True)
    for name in names:
        path = os.path.join(outdir, f"{name}.onnx")
        if not os.path.exists(path):
            export_zoo(name, build(name), path)
        print(describe(path), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
