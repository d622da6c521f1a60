#!/usr/bin/env python3
"""Weights in side files, as somebody would write them who wants to read or to break something else.

usage: external.py BNFOLD [CASE …]        ends with `N passed, N failed`; environment as for attacks.py

The cases hold on every kernel: with CALLS_NO_OPENAT2=1 and preload/calls.c in front of it, the program opens side
files the other way."""
import os
import sys

import attacks
from wire import batchnorm, chain, data, integer, node

WEIGHT = bytes(16)  # 2 x 2 x 1 x 1 floats
CASES = {}


def tensor(entries, dims=(2, 2, 1, 1), name="W"):
    return (b"".join(integer(1, d) for d in dims) + integer(2, 1) + data(8, name)
            + b"".join(data(13, data(1, key) + data(2, value)) for key, value in entries) + integer(14, 1))


def conv(tensors, weight="W"):
    last, parameters = batchnorm("c", "y")
    return chain([node("Conv", ["x", weight], ["c"]), last], list(tensors) + parameters)


def side(name, says, location="w.bin", files=None, entries=(), exits=(2,), dims=(2, 2, 1, 1), **limits):
    """A case: the entries of W's external_data, and the files that lie there."""
    made = {"m/m.onnx": conv([tensor([("location", location), *entries], dims)]), **(files or {})}
    CASES[name] = lambda: attacks.case(made, "m/m.onnx", "-o", "o.onnx", "--external-data=never", "--check=none",
                                       exits=exits, says=says, seconds=4, megabytes=100, **limits)


def below(target):
    """Makes a symbolic link to it."""
    return lambda path: os.symlink(target, path)


def twin(path):
    """A file with two names."""
    with open(path, "wb") as file:
        file.write(WEIGHT)
    os.link(path, path + ".twin")


def sparse(path):
    with open(path, "wb") as file:
        file.truncate(1 << 40)


def device(path):
    try:
        os.mknod(path, 0o20666, os.makedev(1, 5))  # as /dev/zero
    except PermissionError:
        os.mkfifo(path)


HERE, OUTSIDE = {"m/w.bin": WEIGHT}, {"w.bin": WEIGHT}

side("plain", None, files=HERE, exits=(0,))
side("in-a-folder", None, "a/./b/w.bin", {"m/a/b/w.bin": WEIGHT}, exits=(0,))
side("missing", "No such file")
side("absolute", "an absolute path", "/etc/passwd")
side("above", "'..'", "../w.bin", OUTSIDE)
side("above-and-back", "'..'", "../m/w.bin", HERE)
side("above-from-within", "'..'", "a/../../w.bin", {"m/a/w.bin": WEIGHT, **OUTSIDE})
side("only-above", "'..'", "..")
side("backslashes", "No such file", "..\\w.bin", OUTSIDE)
side("nothing", "without a location", "")
side("folder", "not a regular file", "a", {"m/a/w.bin": WEIGHT})
side("its-own-folder", "not a regular file", ".")
side("slash-behind", "external data 'w.bin/'", "w.bin/", HERE)
side("symbolic-link", "a symbolic link", files={**OUTSIDE, "m/w.bin": below("../w.bin")})
side("symbolic-link-within", "a symbolic link", "l.bin", {**HERE, "m/l.bin": below("w.bin")})
side("symbolic-link-of-a-folder", "a symbolic link", "a/w.bin", {**OUTSIDE, "m/a": below("..")})
side("symbolic-link-to-itself", "a symbolic link", files={"m/w.bin": below("w.bin")})
side("link-of-the-system", "a symbolic link", "self/w.bin", {"m/self": below("/proc/self/cwd"), **OUTSIDE})
side("hard-link", "has 2 hard links, allowed is 1", files={"m/w.bin": twin})
side("fifo", "not a regular file", files={"m/w.bin": os.mkfifo})
side("device", "not a regular file", files={"m/w.bin": device})
side("long-name", "File name too long", "n" * 300)
side("long-path", "external data", "n/" * 5000 + "w.bin")
side("not-utf8", "external data '??w.bin'", b"\xff\x1bw.bin")
side("end-is-far-away", "16 bytes at offset 18446744073709551615", files=HERE, entries=[("offset", str((1 << 64) - 1))])
side("one-byte-short", "16 bytes at offset 1 are wanted, but the file has 16", files=HERE, entries=[("offset", "1")])
side("empty-file", "the file has 0", files={"m/w.bin": b""})
side("offset-below-nothing", "'-1' is not a decimal number", files=HERE, entries=[("offset", "-1")])
side("offset-beyond-numbers", "is not a decimal number below 2^64", files=HERE, entries=[("offset", "9" * 5000)])
side("another-length", "12 bytes of external data, but dims 2x2x1x1 of float need 16", files=HERE,
     entries=[("length", "12")])
side("length-beyond-the-tensor", "of float need 16", files=HERE, entries=[("length", str(1 << 62))])
side("two-locations", "'location' twice", files=HERE, entries=[("location", "v.bin")])
side("two-offsets", "'offset' twice", files=HERE, entries=[("offset", "0"), ("offset", "0")])
# Keys that mean something elsewhere; here nothing is looked up by them.
side("unknown-keys", None, files=HERE, exits=(0,),
     entries=[("checksum", "0"), ("basepath", ".."), ("__class__", "str"), ("offset ", "99"), ("", "x"), ("prepacked", "1")])
side("terabyte-of-dims", "are wanted, but the file has 16", files=HERE, dims=(1 << 19, 1 << 19, 1, 1))
side("dims-beyond-numbers", "'W'", files=HERE, dims=(1 << 40, 1 << 40, 1, 1))
side("end-of-a-terabyte", None, files={"m/w.bin": sparse}, entries=[("offset", str((1 << 40) - 16))], exits=(0,))
side("behind-a-terabyte", "the file has 1099511627776", files={"m/w.bin": sparse},
     entries=[("offset", str((1 << 40) - 15))])


def many(count, location):
    tensors = [tensor([("location", location(i))], name=f"t{i}") for i in range(count)]
    return conv(tensors + [tensor([("location", "w.bin")])])


def add(name, made, *arguments, **expected):
    CASES[name] = lambda: attacks.case(made, "m/m.onnx", "-o", "o.onnx", "--external-data=never", "--check=none",
                                       *arguments, **expected)


add("thousands-of-side-files", {"m/m.onnx": many(5000, lambda i: f"s{i}"), **HERE,
                            **{f"m/s{i}": WEIGHT for i in range(5000)}}, exits=(0,))
add("hundred-thousand-in-one-file", {"m/m.onnx": many(100_000, lambda i: "w.bin"), **HERE}, exits=(0,), megabytes=900)
add("hundred-thousand-spellings", {"m/m.onnx": many(100_000, lambda i: "./" * (i % 300) + "w.bin"), **HERE},
    exits=(0,), megabytes=900)


def spelling(i):
    """Of 74,088 that name w.bin, another for each number."""
    return "./" + "/" * (i % 42) + "./" + "/" * (i // 42 % 42) + "./" + "/" * (i // 42 // 42) + "w.bin"


# More than a process may have mappings: the file is mapped once.
add("another-spelling-each", {"m/m.onnx": many(70_000, spelling), **HERE}, exits=(0,))


def mapped_before(location):
    return conv([tensor([("location", "w.bin")]), tensor([("location", location)], name="V")])


# A file that is mapped already opens no way to itself that is refused otherwise.
add("link-to-a-mapped-file", {"m/m.onnx": mapped_before("l.bin"), **HERE, "m/l.bin": below("w.bin")},
    says="external data 'l.bin': a symbolic link")
add("mapped-file-from-above", {"m/m.onnx": mapped_before("../m/w.bin"), **HERE},
    says="external data '../m/w.bin': a path with '..'")
add("slash-behind-a-mapped-file", {"m/m.onnx": mapped_before("w.bin/"), **HERE}, says="external data 'w.bin/'")

if __name__ == "__main__":
    sys.exit(attacks.main(CASES))
