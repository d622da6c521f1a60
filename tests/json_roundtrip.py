#!/usr/bin/python3
"""ONNX-JSON against protobuf's own implementation of the mapping: python reads what bnfold writes, and back.

usage: json_roundtrip.py [--convert 'COMMAND {in} {out}'] [PATH…]

PATHs are models (.onnx or .json) or folders of them; by default models/tiny and the node tests of ONNX, when
they are installed. Models made here, with every kind of field, are always tested.
"""

import argparse
import glob
import hashlib
import os
import shlex
import struct
import subprocess
import sys
import tempfile

import numpy as np
from google.protobuf.json_format import MessageToJson, Parse
from onnx import AttributeProto, ModelProto, SparseTensorProto, TensorProto, TypeProto, helper

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TESTDATA = "/usr/share/libonnx-testdata"
LONGEST = 64  # typed tensor data beyond this many elements is written as rawData
TWINS = {
    "float_data": ("<f4", (TensorProto.FLOAT, TensorProto.COMPLEX64)),
    "double_data": ("<f8", (TensorProto.DOUBLE, TensorProto.COMPLEX128)),
    "int32_data": ("<i4", (TensorProto.INT32,)),
    "int64_data": ("<i8", (TensorProto.INT64,)),
    "uint64_data": ("<u8", (TensorProto.UINT64,)),
}


def tensors_of(message):
    """Every TensorProto in a message, at any depth."""
    if isinstance(message, TensorProto):
        yield message
    for field, value in message.ListFields():
        if field.message_type:
            for item in value if field.label == field.LABEL_REPEATED else [value]:
                yield from tensors_of(item)


def as_written(model):
    """The model as its JSON holds it: long typed lists have become raw_data with the same meaning."""
    model = ModelProto.FromString(model.SerializeToString())
    for tensor in tensors_of(model):
        for name, (code, types) in TWINS.items():
            values = getattr(tensor, name)
            if len(values) > LONGEST and tensor.data_type in types and not tensor.HasField("raw_data"):
                tensor.raw_data = np.array(values, code).tobytes()
                tensor.ClearField(name)
    return model


def canonical(model):
    return model.SerializeToString(deterministic=True)


def floats():
    """Floats that are hard to print: limits, halves of ulps, all binades, random bit patterns."""
    bits = [0, 0x80000000, 1, 2, 0x007FFFFF, 0x00800000, 0x7F7FFFFF, 0xFF7FFFFF]
    bits += [0x7F800000, 0xFF800000, 0x7FC00000]
    bits += [(e << 23) + d for e in range(1, 255, 7) for d in (0, 1, 0x7FFFFF)]
    rng = np.random.default_rng(7)
    bits += [b for b in rng.integers(0, 1 << 32, 400).tolist() if b & 0x7F800000 != 0x7F800000]
    return [struct.unpack("<f", struct.pack("<I", b))[0] for b in bits]


def doubles():
    rng = np.random.default_rng(8)
    values = np.frombuffer(rng.bytes(8 * 30), "<f8")
    values = values[np.isfinite(values)].tolist()
    values += [0.0, -0.0, 0.1, 5e-324, 1.7976931348623157e308]
    return values + [float("inf"), -float("inf"), float("nan")]


def made_models():
    """Models that set what the node tests do not."""
    hard = helper.make_attribute("floats", [0.0])
    del hard.floats[:]
    hard.floats.extend(floats())
    node = helper.make_node("Any", ["", "a\"b\\c/", "\x01\t\n\x7f\u2028é漢😀"], [""], name="")
    node.attribute.extend([hard, helper.make_attribute("none", "")])
    node.attribute.add(name="bytes", type=AttributeProto.STRING, s=bytes(range(256)))
    strings = [b"", b"a", b"ab", b"abc", b"\xff" * 9999]
    node.attribute.add(name="strings", type=AttributeProto.STRINGS, strings=strings)
    ints = [0, -1, 2**63 - 1, -(2**63), 2**53 + 1] * 20
    node.attribute.add(name="ints", type=AttributeProto.INTS, ints=ints)
    attribute = node.attribute.add(name="tp", type=AttributeProto.TYPE_PROTO)
    attribute.tp.sequence_type.elem_type.map_type.key_type = 7
    sparse = SparseTensorProto(dims=[3, 4])
    sparse.values.data_type = TensorProto.DOUBLE
    sparse.values.double_data.extend(doubles())
    sparse.values.dims.append(len(doubles()))
    node.attribute.add(name="sp", type=AttributeProto.SPARSE_TENSOR).sparse_tensor.CopyFrom(sparse)
    types = [TypeProto() for _ in range(4)]
    types[0].tensor_type.shape.dim.add().dim_param = ""
    types[0].tensor_type.shape.dim.add().dim_value = 0
    types[0].tensor_type.shape.dim.add().denotation = "x"
    types[1].optional_type.elem_type.sparse_tensor_type.shape.SetInParent()
    types[2].denotation = ""
    values = [helper.make_value_info(f"v{i}", t) for i, t in enumerate(types)]
    graph = helper.make_graph([node], "", values, [])
    lists = {"float_data": [1.5, -0.0], "int32_data": [-(2**31), 2**31 - 1], "int64_data": [2**63 - 1],
             "uint64_data": [2**64 - 1], "double_data": [0.1], "string_data": [b"\0", b""]}
    for name, values in lists.items():
        for length in (1, LONGEST, LONGEST + 1):
            tensor = graph.initializer.add(name=f"{name}.{length}", dims=[length], data_type=1)
            getattr(tensor, name).extend((values * length)[:length])
            tensor.data_type = TWINS[name][1][0] if name in TWINS else TensorProto.STRING
    raw = bytes(i * 7 % 256 for i in range(100001))
    graph.initializer.add(name="raw", data_type=TensorProto.UINT8, dims=[len(raw)], raw_data=raw)
    graph.initializer.add(name="empty", data_type=TensorProto.FLOAT, dims=[0], raw_data=b"")
    graph.initializer.add(name="place", data_type=TensorProto.BOOL, dims=[0], data_location=TensorProto.DEFAULT)
    model = helper.make_model(graph)
    model.training_info.add().initialization.SetInParent()
    model.functions.add(name="f", attribute=["a"])
    yield "made", model
    small = ModelProto()
    small.graph.SetInParent()
    yield "small", small
    deep = ModelProto()
    inner = deep.graph
    for _ in range(32):  # each level is three messages deep; python itself stops at 100
        inner = inner.node.add().attribute.add(name="body", type=AttributeProto.GRAPH).g
    yield "deep", deep


def models(paths):
    yield from made_models()
    seen = set()
    for path in paths:
        found = [path] if os.path.isfile(path) else sorted(
            glob.glob(path + "/**/*.onnx", recursive=True) + glob.glob(path + "/*.json"))
        for name in found:
            with open(name, "rb") as file:
                data = file.read()
            digest = hashlib.sha256(data).digest()
            if digest in seen:
                continue
            seen.add(digest)
            try:
                model = Parse(data, ModelProto()) if name.endswith(".json") else ModelProto.FromString(data)
            except Exception as error:
                print(f"skipped {name}: {error}")
                continue
            yield name, model


class Tool:
    """Runs the converter on bytes."""

    def __init__(self, command, folder):
        self.command, self.folder = shlex.split(command), folder

    def __call__(self, data, before, after):
        source, target = (os.path.join(self.folder, name) for name in ("in." + before, "out." + after))
        with open(source, "wb") as file:
            file.write(data)
        if os.path.exists(target):
            os.unlink(target)
        places = {"{in}": source, "{out}": target}
        command = [places.get(word, word) for word in self.command]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f"exit {done.returncode}: {done.stdout}{done.stderr}".strip())
        with open(target, "rb") as file:
            return file.read()


def check(tool, model):
    original, written = canonical(model), canonical(as_written(model))
    text = tool(model.SerializeToString(), "onnx", "json")
    read = canonical(Parse(text, ModelProto(), ignore_unknown_fields=False))
    assert read == written, "python reads our JSON as another model"
    back = tool(text, "json", "onnx")
    assert canonical(ModelProto.FromString(back)) == written, "onnx → json → onnx is another model"
    assert tool(back, "onnx", "json") == text, "json → onnx → json is another text"
    for keep in (False, True):
        text = MessageToJson(model, preserving_proto_field_name=keep, indent=1 if keep else None)
        read = canonical(ModelProto.FromString(tool(text.encode(), "json", "onnx")))
        assert read == original, f"we read python's JSON (names kept: {keep}) as another model"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--convert", default=f"{ROOT}/build/release/bnfold convert {{in}} -o {{out}}")
    parser.add_argument("paths", nargs="*", default=[f"{ROOT}/models/tiny", TESTDATA])
    options = parser.parse_args()
    passed, failed = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        tool = Tool(options.convert, folder)
        for name, model in models(options.paths):
            try:
                check(tool, model)
                passed += 1
            except Exception as error:
                failed += 1
                print(f"FAILED {name}: {error}")
    print(f"{passed} models passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
