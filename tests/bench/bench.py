#!/usr/bin/env python3
"""How fast, how much memory: ratios against cp of the same file, measured side by side.

usage: bench.py BNFOLD FOLDER...      every .onnx below the folders
       ROUNDS=5 in the environment; more rounds, steadier medians

Each round runs cp, fold without check, and fold with proof in turn, every one to a fresh name in the same folder, after
one round that does not count (it warms the page cache). The table shows medians of the wall-clock times, medians of the
per-round ratios to cp, and the most anonymous (private) memory that bnfold held, sampled while it ran.
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


def anonymous_kib(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def run(command):
    """Seconds, and the peak of anonymous memory in MiB."""
    peak = 0
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    done = threading.Event()

    def watch():
        nonlocal peak
        while not done.is_set():
            peak = max(peak, anonymous_kib(process.pid))
            time.sleep(0.004)

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, errors = process.communicate()
    seconds = time.perf_counter() - begin
    done.set()
    watcher.join()
    if process.returncode:
        sys.exit(f"{' '.join(command)}: exit status {process.returncode}: {errors.decode()}")
    return seconds, peak / 1024


def measure(program, model, folder):
    jobs = {
        "cp": lambda out: ["cp", model, out],
        "fold": lambda out: [program, model, "-o", out, "--check=none", "-q"],
        "proof": lambda out: [program, model, "-o", out, "--check=proof", "-q"],
    }
    times = {name: [] for name in jobs}
    memory = dict.fromkeys(jobs, 0.0)
    for round_number in range(ROUNDS + 1):
        for name, command in jobs.items():
            out = os.path.join(folder, f"{name}.{round_number}.onnx")
            seconds, peak = run(command(out))
            os.unlink(out)
            if round_number:
                times[name].append(seconds)
                memory[name] = max(memory[name], peak)
    return times, memory


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    program = os.path.abspath(sys.argv[1])
    models = sorted(
        (os.path.join(root, name) for folder in sys.argv[2:] for root, _, names in os.walk(folder) for name in names
         if name.endswith(".onnx")), key=os.path.getsize)
    print(f"{'model':28} {'MiB':>6} {'cp ms':>7} {'fold ms':>8} {'/cp':>5} {'+proof ms':>9} {'/cp':>5} "
          f"{'private MiB':>11} {'(+proof)':>8}")
    for model in models:
        folder = tempfile.mkdtemp(prefix=".bench.", dir=os.path.dirname(model))
        try:
            times, memory = measure(program, model, folder)
        finally:
            shutil.rmtree(folder)
        ms = {name: statistics.median(values) * 1000 for name, values in times.items()}
        ratio = {name: statistics.median(a / b for a, b in zip(values, times["cp"])) for name, values in times.items()}
        print(f"{os.path.basename(model):28} {os.path.getsize(model) / 2**20:6.1f} {ms['cp']:7.1f} {ms['fold']:8.1f} "
              f"{ratio['fold']:5.2f} {ms['proof']:9.1f} {ratio['proof']:5.2f} {memory['fold']:11.1f} "
              f"{memory['proof']:8.1f}", flush=True)


if __name__ == "__main__":
    main()
