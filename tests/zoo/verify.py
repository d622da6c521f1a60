#!/usr/bin/python3
"""Folds every model of a folder and lets ONNX Runtime, which shares no code with bnfold, judge the results.

usage: verify.py DIR BNFOLD [bnfold option …]

For each DIR/*.onnx: bnfold succeeds; the result holds no BatchNormalization in any graph, body or function;
onnx.checker accepts it; and on the same inputs, optimizations off, its outputs differ from the original's by
no more than 4 times what the original differs from itself when ONNX Runtime optimizes it, or 1e-5 if that is
larger, each relative to the largest value of the output. One line per model; exit 1 if one fails.

Environment: NODE (node), NODE_PATH (where onnxruntime-node is), ZOO_TIMEOUT (seconds per step, 900).
"""

import glob
import json
import math
import os
import subprocess
import sys
import tempfile
import time

import onnx

HERE = os.path.dirname(os.path.abspath(__file__))
RUN_ORT = os.path.join(HERE, "run_ort.js")
TIMEOUT = float(os.environ.get("ZOO_TIMEOUT", "900"))
FACTOR = 4.0
FLOOR = 1e-5
NEWEST_IR = onnx.IR_VERSION      # the installed checker's; a newer file is checked as this one
FULL_CHECK_BYTES = 1 << 30       # shape inference copies the model: not for the very large


class Failure(Exception):
    """One model did not pass; the text says at which step."""


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no message"


def run(step, command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise Failure(f"{step}: no answer after {TIMEOUT:g} s") from None
    if done.returncode != 0:
        raise Failure(f"{step}: exit {done.returncode}: {last_line(done.stderr or done.stdout)}")
    return done.stdout


def count_batchnorms(nodes):
    total = 0
    for node in nodes:
        total += node.op_type == "BatchNormalization" and node.domain in ("", "ai.onnx")
        for attribute in node.attribute:
            for body in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                total += count_batchnorms(body.node)
    return total


def batchnorms_in(model):
    return count_batchnorms(model.graph.node) + sum(count_batchnorms(f.node) for f in model.functions)


def check_result(path, source):
    """The result's node count; a failure if it still has BatchNormalizations or the checker objects."""
    model = onnx.load(path)
    left = batchnorms_in(model)
    if left:
        raise Failure(f"{left} of {batchnorms_in(source)} BatchNormalization left")
    model.ir_version = min(model.ir_version, NEWEST_IR)
    try:
        onnx.checker.check_model(model, full_check=os.path.getsize(path) <= FULL_CHECK_BYTES)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise Failure(f"onnx.checker: {last_line(str(error))}") from None
    return len(model.graph.node)


def distance(step, ref, new, new_level):
    """The worst max|Δ| / max|ref| over the outputs."""
    node = os.environ.get("NODE", "node")
    report = json.loads(run(step, [node, RUN_ORT, ref, new, f"--new-level={new_level}"]))
    worst = 0.0
    for output in report["outputs"]:
        if output["nonfinite"] or not output["max_ref"] > 0.0:
            raise Failure(f"{step}: output '{output['name']}' proves nothing: "
                          f"{output['nonfinite']} not finite, largest {output['max_ref']:g}")
        worst = max(worst, output["max_abs"] / output["max_ref"])
    if not report["outputs"] or not math.isfinite(worst):
        raise Failure(f"{step}: nothing to compare")
    return worst


def verify(path, bnfold, options, scratch):
    """The columns after the model's name."""
    out = os.path.join(scratch, "folded.onnx")
    if os.path.exists(out):
        os.remove(out)
    start = time.monotonic()
    run("bnfold", [bnfold, path, "-o", out] + options)
    seconds = time.monotonic() - start
    source = onnx.load(path)
    nodes = check_result(out, source)
    gap = distance("original, optimized", path, path, "all")
    apart = distance("folded", path, out, "disabled")
    bound = max(FACTOR * gap, FLOOR)
    text = (f"{batchnorms_in(source):6d} BN {len(source.graph.node):7d} -> {nodes:<7d} nodes "
            f"{seconds:7.2f} s   apart {apart:.2e}  own gap {gap:.2e}  bound {bound:.2e}")
    if apart > bound:
        raise Failure(text)
    return text


def main(argv):
    if len(argv) < 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    models = sorted(glob.glob(os.path.join(argv[1], "*.onnx")))
    if not models:
        print(f"no .onnx file in '{argv[1]}'", file=sys.stderr)
        return 2
    failed = 0
    with tempfile.TemporaryDirectory(prefix="bnfold-zoo-") as scratch:
        for path in models:
            name = os.path.splitext(os.path.basename(path))[0]
            try:
                mark, text = "ok  ", verify(path, os.path.abspath(argv[2]), argv[3:], scratch)
            except Failure as failure:
                mark, text = "FAIL", str(failure)
                failed += 1
            print(f"{mark} {name:24} {text}", flush=True)
    print(f"{len(models) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
