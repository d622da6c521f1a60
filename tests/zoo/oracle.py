#!/usr/bin/python3
"""Compares bnfold's evaluator with torch in float64, and with ONNX Runtime in float.

usage: oracle.py FOLDER BNFOLD [name …]      networks of models/make_zoo.py, exported to FOLDER

The double arm has to agree with torch's float64 to 1e-10 of the largest output: the weights are the same float32
numbers, and torch's epsilons are rounded to the floats that ONNX stores. How far rounding to float takes a network from
that differs by a factor of a thousand between networks, so it is measured, on torch in float32: the float arm may be
four times as far from float64, and both arms as far from ONNX Runtime without optimizations (or 1e-6, if that is more).
Ends in `N passed, N failed`.

ONNX Runtime is asked through node; NODE_PATH says where onnxruntime-node is.
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "models"))

from make_zoo import ZOO, build  # noqa: E402

RUN_ORT = """
const ort = require('onnxruntime-node'), fs = require('fs');
(async () => {
  const [model, input, dims, output] = process.argv.slice(1);
  const session = await ort.InferenceSession.create(model, {graphOptimizationLevel: 'disabled'});
  const data = new Float32Array(fs.readFileSync(input).buffer.slice(0));
  const feeds = {[session.inputNames[0]]: new ort.Tensor('float32', data, JSON.parse(dims))};
  const result = await session.run(feeds);
  fs.writeFileSync(output, Buffer.from(result[session.outputNames[0]].data.buffer));
})();
"""


def ours(bnfold, model, data, precision, folder):
    out = os.path.join(folder, precision + ".npz")
    subprocess.run([bnfold, "run", model, "--data", data, "-o", out, "--precision=" + precision], check=True,
                   stdout=subprocess.DEVNULL)
    with np.load(out) as arrays:
        return arrays[arrays.files[0]].astype(np.float64)


def runtime(model, x, folder, shape):
    raw, out = os.path.join(folder, "x.bin"), os.path.join(folder, "y.bin")
    x.tofile(raw)
    subprocess.run(["node", "-e", RUN_ORT, model, raw, json.dumps(list(x.shape)), out], check=True)
    return np.fromfile(out, np.float32).reshape(shape).astype(np.float64)


def check(name, folder, bnfold):
    model = os.path.join(folder, name + ".onnx")
    shape = ZOO[name][3]
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    network = build(name).eval().double()
    for module in network.modules():  # ONNX stores epsilon as a float
        if hasattr(module, "eps"):
            module.eps = float(np.float32(module.eps))
    with torch.no_grad():
        truth = network(torch.from_numpy(x).double()).numpy()
        rounded = network.float()(torch.from_numpy(x)).double().numpy()
    with tempfile.TemporaryDirectory() as scratch:
        data = os.path.join(scratch, "x.npz")
        np.savez(data, **{onnx.load(model, load_external_data=False).graph.input[0].name: x})
        double = ours(bnfold, model, data, "double", scratch)
        single = ours(bnfold, model, data, "float", scratch)
        ort = runtime(model, x, scratch, truth.shape)
    size = np.abs(truth).max()

    def apart(y, from_what):
        return np.abs(y.reshape(truth.shape) - from_what).max() / size

    noise = apart(rounded, truth)
    bound = max(4 * noise, 1e-6)
    fine = apart(double, truth) <= 1e-10 and max(apart(single, truth), apart(double, ort), apart(single, ort)) <= bound
    print(f"{'ok  ' if fine else 'FAIL'} {name:20} from float64: double {apart(double, truth):.1e}  "
          f"float {apart(single, truth):.1e}  (torch {noise:.1e})   from ONNX Runtime: double {apart(double, ort):.1e}  "
          f"float {apart(single, ort):.1e}", flush=True)
    return bool(fine)


def main(argv):
    if len(argv) < 3:
        sys.exit(__doc__)
    names = argv[3:] or [name for name in ZOO if os.path.exists(os.path.join(argv[1], name + ".onnx"))]
    if not names:
        sys.exit(f"no network of the zoo in '{argv[1]}'; make zoo writes them")
    results = [check(name, argv[1], os.path.abspath(argv[2])) for name in names]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
