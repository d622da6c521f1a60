#!/usr/bin/env python3
"""Makes the seed inputs of the fuzz targets from the repository's own models: corpus.py BNFOLD OUT [SIZE].

A target's seeds go to OUT/TARGET, in files named by their content. ONNX's backend tests join where Debian's
libonnx-testdata is installed. Nothing above SIZE bytes (16384) is taken."""
import glob
import hashlib
import io
import os
import struct
import subprocess
import sys

import numpy

TESTDATA = "/usr/share/libonnx-testdata/data"


def main():
    program, out = sys.argv[1], sys.argv[2]
    most = int(sys.argv[3]) if len(sys.argv) > 3 else 16384
    seen = 0

    def add(target, data):
        nonlocal seen
        if len(data) <= most:
            os.makedirs(f"{out}/{target}", exist_ok=True)
            with open(f"{out}/{target}/{hashlib.sha1(data).hexdigest()[:16]}", "wb") as file:
                file.write(data)
            seen += 1

    def run(*arguments):
        """Standard output of the program; empty when it refuses."""
        return subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              check=False).stdout

    def read(path):
        with open(path, "rb") as file:
            return file.read()

    def add_model(data, folded):
        add("wire", data)
        add("fold", data)
        for other in {data, folded} - {b""}:
            add("check", struct.pack("<I", len(data)) + data + other)

    scratch = f"{out}/scratch.onnx"
    os.makedirs(out, exist_ok=True)
    texts = sorted(glob.glob("models/tiny/*.json") + glob.glob("tests/golden/*/*/[mn].json"))
    for path in texts:
        add("json", read(path))
        if os.path.exists(scratch):
            os.remove(scratch)
        run("convert", path, "-o", scratch)
        if os.path.exists(scratch):
            add_model(read(scratch), run(scratch, "-o", "-", "--check=none"))
    for path in ["models/digits.onnx"] + sorted(glob.glob(TESTDATA + "/node/*/model.onnx")):
        if os.path.exists(path):
            data = read(path)
            add("wire", data)
            add("fold", data)
            if len(data) < 1024 or "digits" in path:
                add("check", struct.pack("<I", len(data)) + data + data)
    for path in sorted(glob.glob(TESTDATA + "/node/*/test_data_set_0/*.pb"))[::9]:
        add("npy", read(path))

    for dtype in "<f2 <f4 <f8 |b1 |i1 <i2 <i4 <i8 |u1 <u2 <u4 <u8 >f4 <c8".split():
        for order in "CF":
            stream = io.BytesIO()
            numpy.save(stream, numpy.asarray(numpy.arange(6).reshape(2, 3), dtype=dtype, order=order))
            add("npy", stream.getvalue())
    for save in numpy.savez, numpy.savez_compressed:
        stream = io.BytesIO()
        save(stream, x=numpy.zeros((2, 3), numpy.float32), y=numpy.arange(4))
        add("npy", stream.getvalue())
    if os.path.exists(scratch):
        os.remove(scratch)
    print(f"{seen} seeds in {out}")
    return 0 if seen else 1


if __name__ == "__main__":
    sys.exit(main())
