#!/usr/bin/env python3
"""How fast, how much memory: ratios against cp of the same files, measured side by side.

usage: bench.py [--jobs=cp,fold,fold1,proof,full,ort] BNFOLD FOLDER...      every .onnx below the folders
       ROUNDS=5 in the environment; more rounds, steadier medians

fold writes without a check, fold1 does with one thread, proof is --check=proof, full proves and runs, ort is ONNX
Runtime's offline optimizer at its basic level (node.js with onnxruntime-node below NODE_PATH; left out without). Each
round runs all of them in turn, every one to a fresh name in the same folder, after one round that does not count (it
warms the page cache); full and ort, which take seconds, run twice. The table shows the median time of cp, ratios of
medians to it, the most anonymous (private) memory that fold and proof held, sampled while they ran, and the most
resident memory of either, which counts mapped files.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROUNDS = int(os.environ.get("ROUNDS", "5"))
SLOW = {"full", "ort"}
SLOW_ROUNDS = 2
ORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "models", "ort_fold.js")
HEADINGS = {"fold": "fold", "fold1": "1 thread", "proof": "+proof", "full": "+runs", "ort": "ORT"}


def private_kib(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def run(command):
    """Seconds, and the peaks of private and of resident memory in MiB."""
    peak = 0
    with tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        done = threading.Event()

        def watch():
            nonlocal peak
            while not done.is_set():
                peak = max(peak, private_kib(process.pid))
                time.sleep(0.004)

        watcher = threading.Thread(target=watch)
        watcher.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        done.set()
        watcher.join()
        if process.returncode:
            errors.seek(0)
            sys.exit(f"{' '.join(command)}: exit status {process.returncode}: {errors.read().decode()}")
    return seconds, peak / 1024, usage.ru_maxrss / 1024


def files_of(model):
    return [path for path in (model, f"{model}.data") if os.path.exists(path)]


def measure(program, model, folder, names):
    def fold(*options):
        return lambda out: [program, model, "-o", os.path.join(out, "out.onnx"), "-q", *options]

    jobs = {
        "cp": lambda out: ["cp", *files_of(model), out],
        "fold": fold("--check=none"),
        "fold1": fold("--check=none", "--threads=1"),
        "proof": fold("--check=proof"),
        "full": fold(),
        "ort": lambda out: ["node", ORT, model, os.path.join(out, "out.onnx")],
    }
    times = {name: [] for name in names}
    private, resident = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    for round_number in range(ROUNDS + 1):
        for name in names:
            if name in SLOW and not 1 <= round_number <= SLOW_ROUNDS:
                continue
            out = os.path.join(folder, f"{name}.{round_number}")
            os.mkdir(out)
            seconds, *memory = run(jobs[name](out))
            shutil.rmtree(out)
            if round_number:
                times[name].append(seconds)
                private[name] = max(private[name], memory[0])
                resident[name] = max(resident[name], memory[1])
    return {name: statistics.median(values) for name, values in times.items()}, private, resident


def has_ort():
    check = ["node", "-e", "require.resolve('onnxruntime-node')"]
    try:
        return subprocess.run(check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def row(program, model, names):
    folder = tempfile.mkdtemp(prefix=".bench.", dir=os.path.dirname(model))
    try:
        seconds, private, resident = measure(program, model, folder, names)
    finally:
        shutil.rmtree(folder)
    size = sum(map(os.path.getsize, files_of(model))) / 2**20
    line = f"{os.path.basename(model):20} {size:7.1f} {seconds['cp'] * 1000:7.1f}"
    for name in names[1:]:
        line += f" {seconds[name] / seconds['cp']:8.2f}"
    both = "proof" if "proof" in names else "fold"
    return f"{line} {private['fold']:9.1f} {private[both]:8.1f} {max(resident['fold'], resident[both]):9.1f}"


def main(argv):
    names = list(HEADINGS)
    if argv[1:2] and argv[1].startswith("--jobs="):
        names = [name for name in argv.pop(1)[7:].split(",") if name != "cp"]
    if len(argv) < 3 or "fold" not in names or not set(names) <= set(HEADINGS):
        sys.exit(__doc__)
    if "ort" in names and not has_ort():
        names.remove("ort")
    program = os.path.abspath(argv[1])
    models = sorted(
        (os.path.join(root, name) for folder in argv[2:] for root, _, files in os.walk(folder) for name in files
         if name.endswith(".onnx")), key=lambda model: sum(map(os.path.getsize, files_of(model))))
    print(f"{'':20} {'':>7} {'':>7} {'times cp':>{9 * len(names) - 1}} {'MiB':>28}")
    print(f"{'model':20} {'MiB':>7} {'cp ms':>7}" + "".join(f" {HEADINGS[name]:>8}" for name in names) +
          f" {'private':>9} {'(+proof)':>8} {'resident':>9}")
    for model in models:
        print(row(program, model, ["cp", *names]), flush=True)


if __name__ == "__main__":
    main(sys.argv)
