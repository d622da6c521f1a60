#!/usr/bin/env python3
"""Stops a fold of large.onnx at random moments: signals.py BNFOLD REPEAT SEED, in a folder with large.onnx, its fold
large.folded.onnx, and another model small.onnx. An older output stays whole or is the complete new one, no other file
is left, and the exit status tells. What preload/calls.c is set to makes the file have a name from the first moment on."""
import filecmp
import os
import random
import shutil
import signal
import subprocess
import sys
import time


def main():
    program, repeat, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    command = [program, "large.onnx", "-o", "o.onnx", "--check=proof"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    named = os.environ.get("CALLS_NO_TMPFILE", "0") != "0"
    before = set(os.listdir("."))
    start = time.monotonic()
    subprocess.run(command, check=True, **quiet)
    whole = time.monotonic() - start
    wrong = 0
    for name in "SIGINT", "SIGTERM", "SIGHUP", "SIGKILL":
        number = getattr(signal, name)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)  # what a shell runs in the background ignores SIGINT
        draw = random.Random(f"{name} {seed}")
        stopped = replaced = killed = 0
        for i in range(repeat // 4 if name == "SIGHUP" else repeat):
            shutil.copy("small.onnx", "o.onnx")
            moment = draw.random() * whole
            child = subprocess.Popen(command, **quiet)
            time.sleep(moment)
            child.send_signal(number)
            status = child.wait()
            new = filecmp.cmp("o.onnx", "large.folded.onnx", shallow=False)
            old = filecmp.cmp("o.onnx", "small.onnx", shallow=False)
            left = set(os.listdir(".")) - before - {"o.onnx"}
            for file in left:
                os.remove(file)
            if number == signal.SIGKILL:  # nothing can be done about this one between the new file's two names
                killed += len(left)
                most = repeat if named else repeat // 10
                left = set() if len(left) <= 1 and killed <= most else left
            trouble = []
            if status not in (0, -number, 128 + number):
                trouble.append(f"exit status {status}")
            if not new and not old:
                trouble.append("a broken file")
            if status == 0 and not new:
                trouble.append("success, but not the new file")
            if left:
                trouble.append(f"left behind: {sorted(left)}")
            if trouble:
                print(f"  {name} {i} after {moment:.4f} s: {'; '.join(trouble)}")
                wrong += 1
            stopped += status != 0
            replaced += new
        if not stopped:
            print(f"  {name}: no run was stopped in time")
            wrong += 1
        if named and number == signal.SIGKILL and not killed:
            print(f"  {name}: no file had a name, so nothing was tested")
            wrong += 1
        if os.environ.get("VERBOSE"):
            print(f"  {name}: {stopped} of {repeat} stopped, {replaced} complete")
    os.remove("o.onnx")
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main())
