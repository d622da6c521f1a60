#!/usr/bin/env python3
"""The evaluator's speed against ONNX Runtime's, measured side by side; the default check's time and memory.

usage: infer.py BNFOLD INFER FOLDER      INFER is tests/bench/infer.c, built
       ROUNDS=8 and THREADS=2 in the environment; NODE_PATH says where onnxruntime-node is

For each network, as exported and as folded (its name then ends in +): inferences of batch 1 in float and in double here,
in float in ONNX Runtime with all its optimizations and with none. Each engine is a process that has the model loaded;
the rounds take turns, a few inferences each, with a pause for the other's threads to come to rest. The table shows
medians (and minima) in milliseconds, and ratios of medians. Without ONNX Runtime its columns are left out.

Then `bnfold MODEL` with its default check on resnet50: seconds (the least of three), the peak of its resident memory,
and the bound it is meant to stay below, 3 × (model + activations of a float inference).
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

NETWORKS = ["mobilenet_v2", "densenet121", "resnet50"]
CHECKED = "resnet50"
ROUNDS = int(os.environ.get("ROUNDS", "8"))
THREADS = os.environ.get("THREADS", "2")
INFERENCES = 5   # of a round
PAUSE = 0.1      # seconds: ONNX Runtime's threads look for work a while after a run
HERE = os.path.dirname(os.path.abspath(__file__))
NODE = os.environ.get("NODE", "node")


class Engine:
    """A process that runs inferences when asked."""

    def __init__(self, command):
        self.command = command
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ready = self.answer()
        self.times = []

    def answer(self):
        line = self.process.stdout.readline().split()
        if not line:
            sys.exit(f"{' '.join(self.command)}: no answer")
        return line

    def round(self, count):
        time.sleep(PAUSE)
        self.process.stdin.write(f"{INFERENCES}\n")
        self.process.stdin.flush()
        times = [float(word) for word in self.answer()]
        if count:
            self.times += times

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def text(self):
        return f"{statistics.median(self.times):7.1f} ({min(self.times):.1f})"


def has_runtime():
    if not shutil.which(NODE):
        return False
    return subprocess.run([NODE, "-e", "require('onnxruntime-node')"], capture_output=True, check=False).returncode == 0


def measure(infer, model, name, runtime):
    """Prints a line of the table; the most that arrays held in float, in MiB."""
    engines = {"float": Engine([infer, model, "float", THREADS]), "double": Engine([infer, model, "double", THREADS])}
    if runtime:
        script = os.path.join(HERE, "infer.js")
        for level in ("all", "disabled"):
            engines[level] = Engine([NODE, script, model, level, THREADS])
    for number in range(ROUNDS + 1):
        for engine in engines.values():
            engine.round(number > 0)
    for engine in engines.values():
        engine.close()
    ms = {key: statistics.median(engine.times) for key, engine in engines.items()}
    line = f"{name:16}" + "".join(f"{engine.text():>17}" for engine in engines.values())
    line += f"{ms['double'] / ms['float']:8.2f}"
    if runtime:
        line += f"{ms['float'] / ms['all']:8.2f}{ms['float'] / ms['disabled']:10.2f}"
    print(line, flush=True)
    return float(engines["float"].ready[1])


def check(program, model, out):
    """Seconds and peak resident MiB of a fold with the default check."""
    begin = time.perf_counter()
    process = subprocess.Popen([program, model, "-o", out, "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{program} {model}: exit status {process.returncode}: {process.stderr.read().decode()}")
    os.unlink(out)
    return seconds, usage.ru_maxrss / 1024


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    program, infer, folder = (os.path.abspath(argument) for argument in sys.argv[1:])
    runtime = has_runtime()
    held = {}
    print(f"{'ms, 1×3×224×224':16}{'float':>17}{'double':>17}"
          + (f"{'ORT all':>17}{'ORT disabled':>17}" if runtime else "") + f"{'dbl/flt':>8}"
          + (f"{'flt/all':>8}{'flt/dis.':>10}" if runtime else ""))
    with tempfile.TemporaryDirectory(prefix="bnfold-infer-") as scratch:
        folded = os.path.join(scratch, "folded.onnx")
        for name in NETWORKS:
            model = os.path.join(folder, name + ".onnx")
            held[name] = measure(infer, model, name, runtime)
            subprocess.run([program, model, "-o", folded, "--check=proof", "-q"], check=True, stdout=subprocess.DEVNULL)
            measure(infer, folded, name + "+", runtime)
            os.unlink(folded)
        if not runtime:
            print("ONNX Runtime left out: node does not find onnxruntime-node (make npm)")
        model = os.path.join(folder, CHECKED + ".onnx")
        runs = [check(program, model, folded) for _ in range(3)]
    size = os.path.getsize(model) / 2**20
    print(f"default check of {CHECKED}: {min(seconds for seconds, _ in runs):.2f} s, peak "
          f"{max(peak for _, peak in runs):.0f} MiB resident; 3 × (model {size:.0f} + activations {held[CHECKED]:.0f}) = "
          f"{3 * (size + held[CHECKED]):.0f} MiB")


if __name__ == "__main__":
    main()
