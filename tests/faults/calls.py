#!/usr/bin/env python3
"""Every call to the system fails once: calls.py BNFOLD PRELOADED [JOB …]        ends with `N passed, N failed`

A job runs again and again in a fresh folder, and each time another one of its calls fails, with one error number after
the other; with and without files that have no name. Either it succeeds all the same, with the output that it always
makes, or it ends with exit status 2 and one sentence, and then the folder is as it was, or the new output is complete
(and it was the report that failed). STEP picks every so manyth call; VERBOSE says what was seen."""
import errno
import os
import shutil
import subprocess
import sys
import tempfile

from wire import batchnorm, chain, data, floats, integer, node

NUMBERS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "EINTR": errno.EINTR}
OLD = b"an older file"


def small():
    last, parameters = batchnorm("c", "y")
    return chain([node("Conv", ["x", "W"], ["c"]), last], [floats("W", [2, 2, 1, 1], [1, 2, 3, 4])] + parameters)


def entry(key, value):
    return data(13, data(1, key) + data(2, value))


def external():
    weight = (b"".join(integer(1, d) for d in (2, 2, 1, 1)) + integer(2, 1) + data(8, "W")
              + entry("location", "w.bin") + entry("offset", "16") + entry("length", "16") + integer(14, 1))
    last, parameters = batchnorm("c", "y")
    return chain([node("Conv", ["x", "W"], ["c"]), last], [weight] + parameters)


def job(*arguments, old=(), stdin=None, stdout=None):
    """What runs: the arguments, files that are there before, and files for standard input and output."""
    return {"arguments": arguments, "old": old, "stdin": stdin, "stdout": stdout}


JOBS = {
    "fold": job("m.onnx", "-o", "o.onnx", old=("o.onnx",)),
    "fold-to-a-new-file": job("m.onnx", "-o", "o.onnx", "--check=proof"),
    "fold-and-flush": job("m.onnx", "-o", "o.onnx", "--fsync", "--check=none", old=("o.onnx",)),
    "in-place": job("m.onnx", "--in-place", "--check=proof"),
    "from-and-to-streams": job("-", "-o", "-", "--check=proof", stdin="m.onnx", stdout="o.onnx"),
    "external": job("e.onnx", "-o", "o.onnx", "--external-threshold=8", "--check=proof"),
    "external-again": job("e.onnx", "-o", "o.onnx", "--external-threshold=8", "--check=proof",
                          old=("o.onnx", "o.onnx.data")),
    "external-over-a-model": job("e.onnx", "-o", "o.onnx", "--external-threshold=8", "--check=proof", old=("o.onnx",)),
    "external-over-a-model-and-flush": job("e.onnx", "-o", "o.onnx", "--external-threshold=8", "--check=none", "--fsync",
                                           old=("o.onnx",)),
    "external-again-and-flush": job("e.onnx", "-o", "o.onnx", "--external-threshold=8", "--check=none", "--fsync",
                                    old=("o.onnx", "o.onnx.data")),
    "to-json": job("convert", "m.onnx", "-o", "o.json", old=("o.json",)),
    "from-json": job("convert", "m.json", "-o", "o.onnx", old=("o.onnx",)),
    "run": job("run", "m.onnx", "-o", "o.npz", "--samples=1", old=("o.npz",)),
    "check": job("check", "m.onnx", "e.onnx"),
}


def fill(folder, made, program):
    os.makedirs(folder)
    files = {"m.onnx": small(), "e.onnx": external(), "w.bin": bytes(16) + b"".join(
        part.to_bytes(4, "little") for part in (0x3f800000, 0x40000000, 0x40400000, 0x40800000))}
    files.update({name: OLD for name in made["old"]})
    for name, content in files.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    if "m.json" in made["arguments"]:
        subprocess.run([program, "convert", "m.onnx", "-o", "m.json"], cwd=folder, check=True)
    return read(folder)


def read(folder):
    found = {}
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            found[name] = file.read()
    return found


def execute(program, made, folder, environment):
    """Exit status, what was said, and the files that are there after."""
    stdin = open(os.path.join(folder, made["stdin"]), "rb") if made["stdin"] else subprocess.DEVNULL
    stdout = open(os.path.join(folder, made["stdout"]), "wb") if made["stdout"] else subprocess.DEVNULL
    try:
        done = subprocess.run([program, *made["arguments"]], cwd=folder, stdin=stdin, stdout=stdout,
                              stderr=subprocess.PIPE, env={**os.environ, **environment}, check=False, timeout=60)
    finally:
        for stream in stdin, stdout:
            if stream is not subprocess.DEVNULL:
                stream.close()
    return done.returncode, done.stderr.decode("utf-8", "replace"), read(folder)


def judge(made, status, said, before, whole, after):
    if status == 0:  # an older file that cannot be removed stays under its other name
        after = {name: content for name, content in after.items() if not (name.endswith(".old") and content == OLD)}
        return None if after == whole else f"success, but the folder has {sorted(after)}"
    if status != 2:
        return f"exit status {status}"
    if not made["stdout"] and (said.count("\n") != 1 or not said.startswith("bnfold: ")):
        return f"says {said!r}"
    if made["stdout"]:  # a stream cannot be taken back
        after = {name: content for name, content in after.items() if name != made["stdout"]}
    if after != before and not (after == whole and "report" in said):
        return f"the folder has {sorted(after)}"
    return None


def sweep(program, preloaded, name, made, scratch):
    step, trouble, runs, told = int(os.environ.get("STEP", "1")), [], 0, 0
    base = {"LD_PRELOAD": preloaded, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
    for nameless in True, False:
        common = base if nameless else {**base, "CALLS_NO_TMPFILE": "1"}
        folder, count = os.path.join(scratch, "whole"), os.path.join(scratch, "count")
        fill(folder, made, program)
        status, said, whole = execute(program, made, folder, {**common, "CALLS_COUNT": count})
        shutil.rmtree(folder)
        with open(count, encoding="ascii") as file:
            calls = int(file.read())
        if status or not calls:
            return [f"exit status {status} after {calls} calls when nothing fails: {said}"]
        for number, key in ((n, key) for key in NUMBERS for n in range(1, calls + 1, step)):
            folder = os.path.join(scratch, "run")
            before = fill(folder, made, program)
            status, said, after = execute(program, made, folder,
                                          {**common, "CALLS_FAIL": str(number), "CALLS_ERRNO": str(NUMBERS[key])})
            shutil.rmtree(folder)
            wrong = judge(made, status, said, before, whole, after)
            runs, told = runs + 1, told + (status == 2)
            if wrong:
                trouble.append(f"call {number} of {calls} with {key}{'' if nameless else ', without O_TMPFILE'}: {wrong}")
    if not told:
        trouble.append("no call ever failed")
    if os.environ.get("VERBOSE"):
        print(f"  {name}: {runs} runs, {told} told")
    return trouble


def main():
    program, preloaded = (os.path.abspath(argument) for argument in sys.argv[1:3])
    wanted = sys.argv[3:] or list(JOBS)
    failed = 0
    for name in wanted:
        with tempfile.TemporaryDirectory() as scratch:
            trouble = sweep(program, preloaded, name, JOBS[name], scratch)
        for line in trouble[:10]:
            print(f"FAIL {name}: {line}")
        failed += bool(trouble)
    print(f"{len(wanted) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
