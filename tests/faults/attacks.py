#!/usr/bin/env python3
"""Small or tiresome inputs that ask for much: each must get its answer within seconds and a bounded memory.

usage: attacks.py BNFOLD [CASE …]        ends with `N passed, N failed`

A case is a function that gives a list of steps: files to write, arguments, what the sentence must say, exit status.
SLOW multiplies the seconds allowed; with MEMORY=0 (sanitizers keep much of their own) memory is not looked at."""
import io
import json
import math
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib

import numpy

from wire import (INT64, attribute, batchnorm, chain, data, floats, function, graph, info, integer, ints, local, model,
                  node, tensor, varint)

SECONDS, MEGABYTES = 8, 600
CASES = {}


def case(files, *arguments, exits=(2,), says=None, seconds=SECONDS, megabytes=MEGABYTES):
    """What a case's function returns. `files` are written to an empty folder, where the program runs; one that is no
    bytes is a function that makes the file at a path."""
    return {"files": files, "arguments": arguments, "exits": exits, "says": says, "seconds": seconds,
            "megabytes": megabytes}


def attack(function):
    CASES[function.__name__.replace("_", "-")] = function
    return function


def with_batchnorm(nodes, tensors=(), **rest):
    """A chain that ends with a BatchNormalization of "c", so that a fold has something to do."""
    last, parameters = batchnorm("c", "y")
    return chain(list(nodes) + [last], list(tensors) + parameters, **rest)


# ---- the loader

@attack
def nested_graphs():
    body = graph([node("Relu", ["x"], ["y"])])
    for _ in range(5000):
        body = graph([data(4, "If") + data(5, attribute("then_branch", (body,)))])
    return case({"m.onnx": model(body)}, "plan", "m.onnx", says="nested")


@attack
def nested_types():
    kind = data(1, integer(1, 1))
    for _ in range(20000):
        kind = data(4, data(1, kind))  # a sequence of it
    value = data(1, "x") + data(2, kind)
    return case({"m.onnx": model(data(11, value))}, "plan", "m.onnx", says="nested")


@attack
def empty_messages():
    return case({"m.onnx": model(data(1, b"") * 5_000_000)}, "plan", "m.onnx", says="bytes of memory")


@attack
def empty_strings():
    return case({"m.onnx": model(data(1, data(1, b"") * 5_000_000))}, "plan", "m.onnx", says="cannot load")


@attack
def overflowing_dims():
    weight = tensor("W", [1 << 32, 1 << 32, 1 << 32], 1, b"")
    return case({"m.onnx": chain([node("Conv", ["x", "W"], ["y"])], [weight])}, "m.onnx", "-o", "o.onnx", says="'W'")


@attack
def negative_dims():
    weight = tensor("W", [2, -1, 3, 3], 1, b"")
    return case({"m.onnx": chain([node("Conv", ["x", "W"], ["y"])], [weight])}, "m.onnx", "-o", "o.onnx", says="'W'")


@attack
def length_of_a_petabyte():
    return case({"m.onnx": varint(7 << 3 | 2) + varint(1 << 50)}, "plan", "m.onnx", says="runs past the end")


@attack
def nested_json():
    return case({"m.json": b'{"graph":' + b"[" * 10000}, "plan", "m.json", says="m.json")


@attack
def nested_json_graphs():
    text = '{"graph":' + '{"node":[{"opType":"If","attribute":[{"name":"b","g":' * 1200 + "{}" + "}]}]}" * 1200 + "}"
    return case({"m.json": text.encode()}, "plan", "m.json", says="m.json")


@attack
def json_of_a_million_objects():
    text = '{"graph":{"node":[' + ",".join(["{}"] * 1_000_000) + "]}}"
    return case({"m.json": text.encode()}, "plan", "m.json", says="m.json")


@attack
def long_json_number():
    return case({"m.json": b'{"irVersion":' + b"9" * 5_000_000 + b"}"}, "plan", "m.json", says="m.json")


@attack
def long_json_float():
    text = b'{"graph":{"initializer":[{"name":"a","dataType":1,"dims":["1"],"floatData":[0.' + b"1" * 100_000 + b"]}]}}"
    return case({"m.json": text}, "plan", "m.json", says="m.json")


@attack
def bad_base64():
    text = '{"graph":{"initializer":[{"name":"a","dataType":1,"dims":["1"],"rawData":"' + "A" * 99_999 + '*"}]}}'
    return case({"m.json": text.encode()}, "plan", "m.json", says="base64")


@attack
def invalid_utf8():
    return case({"m.json": b'{"producerName":"\xed\xa0\x80"}'}, "plan", "m.json", says="UTF-8")


@attack
def invalid_utf8_names():
    last, parameters = batchnorm("x", "y")
    body = chain([last, node("Add", [b"\xff\x1b[2J", "x"], ["z"])], parameters)
    return case({"m.onnx": body}, "plan", "m.onnx", says="'??[2J'")


def in_nested_graphs(value):
    """A model with an attribute as deep as one may lie."""
    body = graph([data(4, "A") + data(5, value)])
    for _ in range(30):
        body = graph([data(4, "If") + data(5, data(1, "b") + data(6, body) + integer(20, 5))])
    return model(body)


def printed_deep(value, megabytes):
    """What is indented most takes a few bytes more than elsewhere, not hundreds for each byte of the model."""
    return case({"m.onnx": in_nested_graphs(value)}, "convert", "m.onnx", "-o", "o.json", exits=(0,),
                megabytes=megabytes)


@attack
def deep_ints_as_json():
    return printed_deep(data(1, "v") + data(8, bytes(1_000_000)) + integer(20, 7), 100)


@attack
def deep_empty_strings_as_json():
    return printed_deep(data(1, "v") + data(9, b"") * 1_000_000 + integer(20, 8), 150)


@attack
def deep_empty_inputs_as_json():
    return printed_deep(data(1, "v") + data(6, data(11, data(1, b"")) * 200_000) + integer(20, 5), 150)


# ---- the graph

@attack
def cyclic_graph():
    return case({"m.onnx": chain([node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]),
                                  node("Relu", ["b"], ["y"])])}, "plan", "m.onnx", says="cycle")


@attack
def cycle_of_a_hundred_thousand():
    nodes = [node("Add", [f"v{i - 1}" if i else "v99999", "x"], [f"v{i}"]) for i in range(100_000)]
    nodes.append(node("Relu", ["v0"], ["y"]))
    return case({"m.onnx": chain(nodes)}, "plan", "m.onnx", says="cycle")


@attack
def duplicate_names():
    nodes = [node("Relu", ["x"], ["y"])] * 100_000
    return case({"m.onnx": chain(nodes)}, "plan", "m.onnx", says="'y'")


@attack
def captures_of_nothing():
    body = graph([node("Add", ["ghost", "x"], ["r"])], outputs=[info("r", None)])
    nodes = [node("If", ["x"], ["y"], then_branch=(body,), else_branch=(body,))]
    return case({"m.onnx": chain(nodes)}, "plan", "m.onnx", says="'ghost'")


@attack
def chain_of_a_million():
    nodes = [node("Relu" if i % 2 else "Neg", [f"v{i}" if i else "x"], [f"v{i + 1}"]) for i in range(999_999)]
    nodes.append(node("Relu", ["v999999"], ["y"]))
    return case({"m.onnx": chain(nodes)}, "plan", "m.onnx", exits=(0,), seconds=15, megabytes=1500)


@attack
def chain_of_many_batchnorms():
    nodes, tensors = [], []
    for i in range(3000):
        last, parameters = batchnorm(f"v{i}" if i else "x", f"v{i + 1}", prefix=f"p{i}")
        nodes += [last, node("Sigmoid", [f"v{i + 1}"], [f"w{i + 1}"])]
        nodes[-2] = last.replace(data(1, f"v{i}"), data(1, f"w{i}")) if i else last
        tensors += parameters
    nodes.append(node("Relu", ["w3000"], ["y"]))
    return case({"m.onnx": chain(nodes, tensors)}, "m.onnx", "-o", "o.onnx", "--check=proof", exits=(0,), seconds=15)


@attack
def names_with_one_prefix():
    stem = "a" * 60
    nodes = [node("Relu", ["x"], [f"{stem}{i}"]) for i in range(1_000_000)]
    nodes.append(node("Relu", ["x"], ["y"]))
    return case({"m.onnx": chain(nodes)}, "plan", "m.onnx", exits=(0,), seconds=15, megabytes=1500)


def equal_hashes(count):
    """Names of 16 bytes that a hash without a secret cannot tell apart: the second word undoes the first. The formula
    is that of bnf_hash, src/base/table.c."""
    draw = numpy.random.default_rng(1)
    made = numpy.empty((0, 2), numpy.uint64)
    start = int(mix(numpy.uint64(0x51ED270B0D5C7A3B), numpy.uint64(16)))
    while len(made) < count:
        first = draw.integers(0x20, 0x7F, (1 << 20, 8), numpy.uint8).view(numpy.uint64)[:, 0]
        hashes = mix(numpy.uint64(start), first)
        second = (hashes ^ numpy.uint64(1)) - numpy.uint64(GOLDEN) - (hashes << numpy.uint64(6)) - (hashes >> numpy.uint64(2))
        pairs = numpy.stack([first, second], 1)
        made = numpy.concatenate([made, pairs[(pairs.view(numpy.uint8).reshape(-1, 16) != 0).all(1)]])
    return [pair.tobytes() for pair in made[:count]]


GOLDEN = 0x9E3779B97F4A7C15


def mix(value, word):
    with numpy.errstate(over="ignore"):
        value = value ^ (word + numpy.uint64(GOLDEN) + (value << numpy.uint64(6)) + (value >> numpy.uint64(2)))
        value = (value ^ (value >> numpy.uint64(32))) * numpy.uint64(0xD6E8FEB86659FD93)
        return value ^ (value >> numpy.uint64(32))


@attack
def names_with_one_hash():
    nodes = [node("Relu", ["x"], [name]) for name in equal_hashes(1_000_000)]
    nodes.append(node("Relu", ["x"], ["y"]))
    return case({"m.onnx": chain(nodes)}, "plan", "m.onnx", exits=(0,), seconds=15, megabytes=1500)


@attack
def one_long_name():
    name = "n" * 4_000_000
    last, parameters = batchnorm("x", name)
    return case({"m.onnx": chain([last, node("Relu", [name], ["y"])], parameters)}, "m.onnx", "-o", "o.onnx",
                exits=(0, 1, 3))


@attack
def a_million_readers():
    last, parameters = batchnorm("c", "b")
    weight = floats("W", [2, 2, 1, 1], [1, 2, 3, 4])
    nodes = [node("Conv", ["x", "W"], ["c"]), last] + [node("Relu", ["b"], [f"r{i}"]) for i in range(1_000_000)]
    nodes.append(node("Relu", ["b"], ["y"]))
    return case({"m.onnx": chain(nodes, [weight] + parameters)}, "m.onnx", "-o", "o.onnx", "--check=proof", exits=(0,),
                seconds=15, megabytes=2500)


@attack
def a_node_of_a_million_inputs():
    nodes = [node("Conv", ["x", "W"], ["a"]), node("Concat", ["a"] * 1_000_000, ["c"], axis=1)]
    weight = floats("W", [2, 2, 1, 1], [1, 2, 3, 4])
    return case({"m.onnx": with_batchnorm(nodes, [weight])}, "plan", "m.onnx", exits=(0, 2), seconds=15, megabytes=900)


@attack
def ladder_of_branches():
    """Every value is read twice by the next: 2 ** 60 paths."""
    nodes = [node("Conv", ["x", "W"], ["v0"])]
    nodes += [node("Add", [f"v{i}", f"v{i}"], [f"v{i + 1}"]) for i in range(60)]
    nodes.append(node("Relu", ["v60"], ["r"]))
    nodes += [node("Add", ["r" if i == 0 else f"u{i}", "r" if i == 0 else f"u{i}"], [f"u{i + 1}"]) for i in range(60)]
    nodes.append(node("Identity", ["u60"], ["c"]))
    weight = floats("W", [2, 2, 1, 1], [1, 2, 3, 4])
    return case({"m.onnx": with_batchnorm(nodes, [weight])}, "m.onnx", "-o", "o.onnx", exits=(0, 3))


@attack
def chain_of_scalars():
    """Each of many affines may go past all the others."""
    nodes = [part for i in range(10000) for part in (node("Mul", [f"v{i}" if i else "x", "k"], [f"u{i}"]),
                                                    node("Relu", [f"u{i}"], [f"v{i + 1}"]))]
    nodes.append(node("Relu", ["v10000"], ["y"]))
    return case({"m.onnx": chain(nodes, [floats("k", [], [1.5])])}, "m.onnx", "-o", "o.onnx", "--check=none", exits=(0,),
                seconds=15)


@attack
def proof_of_a_chain_of_scalars():
    """Nothing in the one model has its like in the other: all that may be tried is tried."""
    nodes = [part for i in range(2000) for part in (node("Mul", [f"v{i}" if i else "x", "k"], [f"u{i}"]),
                                                   node("Relu", [f"u{i}"], [f"v{i + 1}"]))]
    nodes.append(node("Relu", ["v2000"], ["y"]))
    return case({"m.onnx": chain(nodes, [floats("k", [], [1.0001])])}, "m.onnx", "-o", "o.onnx", "--check=proof",
                exits=(0, 3), seconds=20)


@attack
def ladder_of_concats():
    """The extents double at every step: 2 ** 62 channels."""
    nodes = [node("Concat", [f"v{i}" if i else "x"] * 2, [f"v{i + 1}"], axis=1) for i in range(62)]
    nodes.append(node("Identity", ["v62"], ["c"]))
    return case({"m.onnx": with_batchnorm(nodes)}, "m.onnx", "-o", "o.onnx", "--max-memory=256M", exits=(0, 2, 3))


def calls(functions, name):
    body = chain([local(name, ["x"], ["y"])]) + data(8, data(1, "local") + integer(2, 1))
    return body + b"".join(functions)


@attack
def recursive_functions():
    nodes = [local("F", ["a"], ["b"]), local("F", ["b"], ["c"]), node("RNN", ["c", "c", "c"], ["d"]),
             local("F", ["d"], ["e"])]
    return case({"m.onnx": calls([function("F", ["a"], ["e"], nodes)], "F")}, "plan", "m.onnx", says="calls itself")


@attack
def ladder_of_functions():
    """Each calls the next one twice: 2 ** 40 calls."""
    functions = [function(f"F{i}", ["a"], ["c"], [local(f"F{i + 1}", ["a"], ["b"]), local(f"F{i + 1}", ["b"], ["c"])])
                 for i in range(40)]
    functions.append(function("F40", ["a"], ["c"], [node("Conv", ["a", "a"], ["c"])]))
    return case({"m.onnx": calls(functions, "F0")}, "plan", "m.onnx", exits=(0, 2))


@attack
def run_of_recursive_functions():
    nodes = [local("F", ["a"], ["b"]), local("F", ["b"], ["e"])]
    return case({"m.onnx": calls([function("F", ["a"], ["e"], nodes)], "F")}, "run", "m.onnx", says="calls itself")


@attack
def check_of_recursive_functions():
    nodes = [local("F", ["a"], ["b"]), local("F", ["b"], ["e"])]
    last, parameters = batchnorm("f", "y")
    made = chain([local("F", ["x"], ["f"]), last], parameters) + data(8, data(1, "local") + integer(2, 1))
    return case({"m.onnx": made + function("F", ["a"], ["e"], nodes)}, "m.onnx", "-o", "o.onnx", says="calls itself")


@attack
def chain_of_functions():
    functions = [function(f"F{i}", ["a"], ["c"], [local(f"F{i + 1}", ["a"], ["c"])]) for i in range(20000)]
    functions.append(function("F20000", ["a"], ["c"], [node("Relu", ["a"], ["c"])]))
    return case({"m.onnx": calls(functions, "F0")}, "run", "m.onnx", says="more than 100 deep")


@attack
def nodes_without_operator():
    made = chain([data(1, "x") + data(2, "c"), node("Relu", ["c"], ["y"])])
    return case({"m.onnx": made}, "run", "m.onnx", says="has no operator")


# ---- attributes and weights

@attack
def attributes_of_the_wrong_type():
    weight = floats("W", [2, 2, 1, 1], [1, 2, 3, 4])
    nodes = [node("Conv", ["x", "W"], ["c"], pads=1.0, strides="two", group=[1], dilations=(graph([]),))]
    return case({"m.onnx": with_batchnorm(nodes, [weight])}, "m.onnx", "-o", "o.onnx", says="not integers")


@attack
def huge_attributes():
    weight = floats("W", [2, 2, 1, 1], [1, 2, 3, 4])
    nodes = [node("Conv", ["x", "W"], ["c"], pads=[(1 << 63) - 1] * 4, strides=[1 << 62, 1],
                  dilations=[(1 << 63) - 1, 1 << 40], group=(1 << 63) - 1)]
    return case({"m.onnx": with_batchnorm(nodes, [weight])}, "m.onnx", "-o", "o.onnx", exits=(0, 2, 3))


@attack
def nan_everywhere():
    nan = [math.nan] * 4
    last, _ = batchnorm("c", "y")
    tensors = [floats("W", [2, 2, 1, 1], nan)] + [floats(f"bn.{p}", [2], nan[:2]) for p in ("gamma", "beta", "mean", "var")]
    return case({"m.onnx": chain([node("Conv", ["x", "W"], ["c"]), last], tensors)}, "m.onnx", "-o", "o.onnx",
                exits=(0, 1, 2, 3))


def constant_of_shape(dims):
    nodes = [node("ConstantOfShape", ["s"], ["big"]), node("Conv", ["x", "big"], ["c"])]
    return with_batchnorm(nodes, [ints("s", [len(dims)], dims)])


@attack
def constant_of_a_terabyte():
    return case({"m.onnx": constant_of_shape([2, 2, 1 << 19, 1 << 18])}, "m.onnx", "-o", "o.onnx", exits=(0, 2, 3))


@attack
def constant_beyond_all_numbers():
    return case({"m.onnx": constant_of_shape([1 << 40, 1 << 40, 1 << 40, 1])}, "m.onnx", "-o", "o.onnx",
                exits=(0, 2, 3))


@attack
def constants_that_grow():
    """Small files, large constants: each Tile makes a thousand of one."""
    nodes = [node("Tile", [f"t{i}" if i else "W", "r"], [f"t{i + 1}"]) for i in range(5)]
    nodes.append(node("Conv", ["x", "t5"], ["c"]))
    tensors = [floats("W", [1, 1, 1, 1], [1]), ints("r", [4], [10, 10, 10, 1])]
    return case({"m.onnx": with_batchnorm(nodes, tensors)}, "m.onnx", "-o", "o.onnx", exits=(0, 2, 3))


# ---- the evaluator

def asks_for_gigabytes(kind, tensors, **attributes):
    names = ["x"] + [t[0] for t in tensors]
    nodes = [node(kind, names, ["big"], **attributes), node("ReduceSum", ["big"], ["y"])]
    return chain(nodes, [t[1] for t in tensors])


GIGABYTES = {
    "expand": lambda: asks_for_gigabytes("Expand", [("s", ints("s", [5], [1 << 20, 1, 2, 4, 4]))]),
    "tile": lambda: asks_for_gigabytes("Tile", [("s", ints("s", [4], [1 << 14, 1 << 10, 4, 1]))]),
    "pad": lambda: asks_for_gigabytes("Pad", [("s", ints("s", [8], [1 << 28, 0, 0, 0, 0, 0, 1 << 2, 0]))]),
    "resize": lambda: asks_for_gigabytes("Resize", [("", floats("u", [0], [])),
                                                    ("s", floats("s", [4], [1, 1, 1e5, 1e5]))]),
    "upsample-of-sizes": lambda: asks_for_gigabytes("Resize", [("", floats("u", [0], [])), ("", floats("u2", [0], [])),
                                                               ("s", ints("s", [4], [1, 2, 1 << 40, 1 << 40]))]),
    "conv-pads": lambda: chain([node("Conv", ["x", "W"], ["big"], pads=[1 << 20] * 4),
                                node("ReduceSum", ["big"], ["y"])], [floats("W", [1, 2, 1, 1], [1, 1])]),
    "max-pool-pads": lambda: chain([node("AveragePool", ["x"], ["y"], kernel_shape=[1, 1], pads=[1 << 40] * 4)]),
    "one-hot": lambda: chain([node("Cast", ["x"], ["i"], to=INT64), node("OneHot", ["i", "d", "v"], ["big"]),
                              node("ReduceSum", ["big"], ["y"])],
                             [ints("d", [], [1 << 50]), floats("v", [2], [0, 1])]),
    "range": lambda: chain([node("Range", ["a", "b", "c"], ["big"]), node("ReduceSum", ["big"], ["s"]),
                            node("Add", ["x", "s"], ["y"])],
                           [floats("a", [], [0]), floats("b", [], [1e30]), floats("c", [], [1e-30])]),
    "eye-like": lambda: chain([node("EyeLike", ["big"], ["e"]), node("Expand", ["x", "s"], ["big"]),
                               node("ReduceSum", ["e"], ["y"])], [ints("s", [2], [1 << 20, 1 << 20])], shape=(1,)),
    "matmul": lambda: chain([node("Expand", ["x", "s"], ["a"]), node("Expand", ["x", "t"], ["b"]),
                             node("MatMul", ["a", "b"], ["y"])],
                            [ints("s", [2], [1 << 20, 1]), ints("t", [2], [1, 1 << 20])], shape=(1, 1)),
    "scatter-of-nothing": lambda: chain([node("ConstantOfShape", ["s"], ["big"]), node("Add", ["x", "big"], ["y"])],
                                        [ints("s", [3], [1 << 40, 1 << 22, 0])]),
    "symbolic-input": lambda: model(graph([node("Relu", ["x"], ["y"])], [info("x", [1 << 40, 1 << 10])],
                                          [info("y", None)])),
    "input-beyond-all-numbers": lambda: model(graph([node("Relu", ["x"], ["y"])], [info("x", [1 << 62, 1 << 62])],
                                                    [info("y", None)])),
}


def add_gigabytes(name, make):
    @attack
    def both():
        return case({"m.onnx": make()}, "run", "m.onnx", "--max-memory=256M", exits=(0, 2, 3))
    CASES["gigabytes-" + name] = CASES.pop("both")


for key, maker in GIGABYTES.items():
    add_gigabytes(key, maker)


@attack
def dequantize_linear():
    tensors = [tensor("q", [1 << 10], 3, bytes(1 << 10)), floats("s", [], [0.5]), ints("r", [1], [1 << 24])]
    nodes = [node("DequantizeLinear", ["q", "s"], ["d"]), node("Tile", ["d", "r"], ["t"]),
             node("ReduceSum", ["t"], ["z"]), node("Add", ["x", "z"], ["y"])]
    return case({"m.onnx": chain(nodes, tensors)}, "run", "m.onnx", "--max-memory=256M", exits=(2, 3))


@attack
def fold_within_a_budget():
    """The everyday command on a model whose run needs more than it may have: the proof stands."""
    nodes = [node("Conv", ["x", "W"], ["c"])]
    last, parameters = batchnorm("c", "b")
    body = chain(nodes + [last, node("Tile", ["b", "r"], ["y"])],
                 [floats("W", [2, 2, 1, 1], [1, 2, 3, 4]), ints("r", [4], [1 << 12, 1 << 12, 4, 4])] + parameters)
    return case({"m.onnx": body}, "m.onnx", "-o", "o.onnx", "--max-memory=64M", exits=(0,))


@attack
def run_for_hours():
    """1.7e13 multiplications in a few hundred bytes."""
    nodes = [node("ReduceSum", ["x"], ["sum"], keepdims=1), node("ConstantOfShape", ["s"], ["big"]),
             node("Add", ["big", "sum"], ["W"]), node("Conv", ["W", "big"], ["y"], pads=[1024] * 4)]
    return case({"m.onnx": chain(nodes, [ints("s", [4], [1, 1, 2048, 2048])])}, "run", "m.onnx", exits=(3,),
                says="--max-work")


@attack
def window_of_padding():
    """A window of a billion elements, nearly all of which lie in the padding wherever it stands."""
    body = chain([node("MaxPool", ["x"], ["m"], kernel_shape=[1 << 15, 1 << 15], auto_pad="SAME_LOWER"),
                  node("AveragePool", ["m"], ["y"], kernel_shape=[1 << 15, 1 << 15], auto_pad="SAME_UPPER",
                       count_include_pad=1)])
    return case({"m.onnx": body}, "run", "m.onnx", exits=(0,))


@attack
def resize_of_nothing():
    """Nothing, by 4e9 in two directions."""
    nodes = [node("Slice", ["x", "from", "to"], ["e"]), node("Resize", ["e", "", "k"], ["y"])]
    tensors = [ints("from", [2], [0, 0]), ints("to", [2], [1, 0]), floats("k", [4], [1, 1, 1e9, 1e9])]
    return case({"m.onnx": chain(nodes, tensors)}, "run", "m.onnx", exits=(0,))


LIMIT = "ran 1000000 times in this run"


def nested_loops():
    """Six loops in one another, of 100 rounds each: none of them is long."""
    nodes = [node("Neg", ["a5"], ["b5"])]
    for i in reversed(range(6)):
        body = graph([node("Identity", [f"c{i}"], [f"g{i}"]), *nodes],
                     [info(f"i{i}", [], INT64), info(f"c{i}", [], 9), info(f"a{i}", None)],
                     [info(f"g{i}", [], 9), info(f"b{i}", None)])
        nodes = [node("Loop", ["n", "", f"a{i - 1}" if i else "x"], [f"b{i - 1}" if i else "y"], body=(body,))]
    return chain(nodes, [ints("n", [], [100])])


@attack
def run_of_nested_loops():
    return case({"m.onnx": nested_loops()}, "run", "m.onnx", exits=(3,), says=LIMIT)


@attack
def check_of_nested_loops():
    made = nested_loops()
    return case({"m.onnx": made, "n.onnx": made + data(2, "other")}, "check", "m.onnx", "n.onnx", exits=(0,), seconds=20)


@attack
def loop_without_end():
    body = graph([node("Identity", ["c"], ["g"]), node("Neg", ["a"], ["b"])],
                 [info("i", [], INT64), info("c", [], 9), info("a", None)], [info("g", [], 9), info("b", None)])
    return case({"m.onnx": chain([node("Loop", ["", "", "x"], ["y"], body=(body,))])}, "run", "m.onnx", exits=(3,),
                says=LIMIT)


@attack
def run_of_a_ladder_of_functions():
    """Each calls the next one twice: 2 ** 40 calls."""
    functions = [function(f"F{i}", ["a"], ["c"], [local(f"F{i + 1}", ["a"], ["b"]), local(f"F{i + 1}", ["b"], ["c"])])
                 for i in range(40)]
    functions.append(function("F40", ["a"], ["c"], [node("Neg", ["a"], ["c"])]))
    return case({"m.onnx": calls(functions, "F0")}, "run", "m.onnx", exits=(3,), says=LIMIT)


@attack
def scan_of_a_million():
    """As long as its data, and no longer than may be."""
    body = graph([node("Add", ["s", "e"], ["t"])], [info("s", [1]), info("e", [1])], [info("t", [1])])
    nodes = [node("Expand", ["x", "n"], ["l"]), node("Scan", ["z", "l"], ["y"], body=(body,), num_scan_inputs=1)]
    return case({"m.onnx": chain(nodes, [ints("n", [2], [1_000_000, 1]), floats("z", [1], [0])], shape=(1,))}, "run",
                "m.onnx", exits=(0,))


# ---- data

def npy(header, body=b""):
    header = header.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


@attack
def npy_beyond_all_numbers():
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 16), }\n"
    return case({"m.onnx": chain([node("Relu", ["x"], ["y"])]), "x.npy": npy(head)}, "run", "m.onnx", "--data=x.npy",
                says="x.npy")


def npz(arrays):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, body in arrays:
            archive.writestr(name, body)
    return stream.getvalue()


def zeros(shape, count):
    return npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n", bytes(4 * count))


def checked(data_files, given, made=chain([node("Relu", ["x"], ["y"])]), **rest):
    """A check of two models that differ in nothing that counts, on data, with little memory for the values."""
    files = {"m.onnx": made, "n.onnx": made + data(2, "other"), **data_files}
    return case(files, "check", "m.onnx", "n.onnx", f"--data={given}", "--max-memory=10M", **rest)


@attack
def npz_bomb():
    large = npz([("x.npy", zeros("(50000000,)", 50_000_000))])
    return case({"m.onnx": chain([node("Relu", ["x"], ["y"])]), "x.npz": large}, "run", "m.onnx", "--data=x.npz",
                says="x.npz", megabytes=300)


@attack
def npz_beyond_the_memory_allowed():
    return checked({"x.npz": npz([("x.npy", zeros("(25000000,)", 25000000))])}, "x.npz",
                   says="'x.npz': its arrays need 100", megabytes=50)


@attack
def npz_of_arrays_that_nobody_wants():
    """Only what is fed is unpacked; the rest may be as large as it likes."""
    arrays = [("x.npy", zeros("(1, 2, 4, 4)", 32)), ("other.npy", zeros("(25000000,)", 25000000))]
    return checked({"x.npz": npz(arrays)}, "x.npz", exits=(0, 3), megabytes=50)


@attack
def npz_of_overlapping_arrays():
    """The elements of each array are all later files: 2 MB unpack to 2 GB."""
    inner, found, count = b"", [], 2000
    for i in reversed(range(count)):
        name = f"{'a' * 900}{i}.npy".encode()
        body = npy(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({len(inner)},), }}\n", inner)
        common = (20, 0, 0, 0, 33, zlib.crc32(body), len(body), len(body), len(name), 0)
        inner = struct.pack("<IHHHHHIIIHH", 0x04034B50, *common) + name + body
        found.append((common, len(inner), name))
    directory = b"".join(struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, *common, 0, 0, 0, 0, len(inner) - size) + name
                         for common, size, name in reversed(found))
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(directory), len(inner), 0)
    return case({"m.onnx": chain([node("Relu", ["x"], ["y"])]), "x.npz": inner + directory + end}, "run", "m.onnx",
                "--data=x.npz", says="those before it leave", megabytes=50)


@attack
def npz_of_many_arrays():
    many = npz((f"a{i}.npy", zeros("(0,)", 0)) for i in range(60_000))
    return case({"m.onnx": chain([node("Relu", ["x"], ["y"])]), "x.npz": many}, "run", "m.onnx", "--data=x.npz",
                says="no array 'x'", seconds=2, megabytes=100)


def sequences(count):
    """A model that takes a sequence, and a value for it: so many tensors of no content, 2 bytes each."""
    value = data(1, "x") + data(2, data(4, data(1, data(1, integer(1, 1)))))
    made = model(graph([node("SequenceLength", ["x"], ["y"])], [value], [info("y", None)]))
    return made, {"set/input_0.pb": data(3, b"") * count}


@attack
def sequence_of_empty_tensors():
    made, files = sequences(2_000_000)
    return case({"m.onnx": made, **files}, "run", "m.onnx", "--data=set", says="too many for a file of 4000000",
                megabytes=200)


@attack
def sequence_beyond_the_memory_allowed():
    made, files = sequences(1_000_000)
    return checked(files, "set", made, says="need more memory than the 10485760 bytes allowed", megabytes=50)


# ---- running

def put(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if not isinstance(content, bytes):
        content(path)
        return
    with open(path, "wb") as stream:
        stream.write(content)


def everything(folder):
    return {os.path.relpath(os.path.join(at, name), folder) for at, folders, names in os.walk(folder)
            for name in folders + names}


def run(program, name, made, slow, memory):
    with tempfile.TemporaryDirectory() as folder:
        for file, content in made["files"].items():
            put(os.path.join(folder, file), content)
        before = everything(folder)
        limit = made["seconds"] * slow
        with open(os.path.join(folder, ".err"), "w+b") as err:
            start = time.monotonic()
            child = subprocess.Popen([program, *made["arguments"]], cwd=folder, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=err)
            status, peak = wait(child, limit)
            seconds = time.monotonic() - start
            err.seek(0)
            text = err.read(4000).decode("utf-8", "replace")
        left = sorted(everything(folder) - before - {".err"})
    megabytes = peak // 1024
    wrong = []
    if status is None:
        wrong.append(f"not done after {limit} s")
    elif status not in made["exits"]:
        wrong.append(f"exit status {status}, allowed {made['exits']}")
    if memory and megabytes > made["megabytes"]:
        wrong.append(f"{megabytes} MB, allowed {made['megabytes']}")
    if status and left:
        wrong.append(f"left behind: {left}")
    if status == 2 and (text.count("\n") != 1 or not text.startswith("bnfold: ")):
        wrong.append("not one sentence")
    if made["says"] and made["says"] not in text:
        wrong.append(f"does not say \"{made['says']}\"")
    if wrong or os.environ.get("VERBOSE"):
        print(f"{'FAIL' if wrong else 'ok'} {name}: {'; '.join(wrong)} ({seconds:.1f} s, {megabytes} MB, {status}) {text[:300]}")
    return not wrong


def wait(child, limit):
    """Exit status (None: killed at the limit) and the most KiB seen. The system's own figure for a finished child counts
    what its parent had when it was forked."""
    end, peak = time.monotonic() + limit, 0
    while child.poll() is None:
        try:
            with open(f"/proc/{child.pid}/status", encoding="ascii") as file:
                peak = max([peak] + [int(line.split()[1]) for line in file if line.startswith("VmHWM")])
        except OSError:
            pass
        if time.monotonic() > end:
            child.kill()
            child.wait()
            return None, peak
        time.sleep(0.002)
    return child.returncode, peak


def main(cases=CASES):
    program = os.path.abspath(sys.argv[1])
    slow, memory = float(os.environ.get("SLOW", "1")), os.environ.get("MEMORY", "1") != "0"
    wanted = sys.argv[2:] or list(cases)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    passed = sum(run(program, name, cases[name](), slow, memory) for name in wanted)
    print(f"{passed} passed, {len(wanted) - passed} failed")
    return passed != len(wanted)


if __name__ == "__main__":
    sys.exit(main())
