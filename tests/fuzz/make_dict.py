#!/usr/bin/env python3
"""Prints libFuzzer's dictionary: the tags of ONNX's fields, the names of its operators, the words of its JSON form."""
import re
import sys

WIRE = {"int64": 0, "int32": 0, "uint64": 0, "float": 5, "double": 1}


def fields():
    """Name, type and number of every field in the schema."""
    with open("proto/onnx.proto", encoding="utf-8") as file:
        for line in file:
            found = re.match(r"\s*(?:optional|repeated)?\s*([\w.]+)\s+(\w+)\s*=\s*(\d+)\s*[;\[]", line)
            if found and found[1] not in ("option", "enum"):
                yield found[2], found[1], int(found[3])


def quote(data):
    return '"' + "".join(f"\\x{b:02x}" if b < 32 or b > 126 or b in b'"\\' else chr(b) for b in data) + '"'


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def main():
    words = set()
    with open("src/onnx/schema.def", encoding="utf-8") as file:
        text = file.read()
    words.update(name.encode() for name in re.findall(r'^BNF_OP\("(\w+)"', text, re.M))
    words.update(name.encode() for name in re.findall(r'BNF_ATTR_\w+\("\w+", "(\w+)"', text))
    for name, kind, number in fields():
        words.add(varint(number << 3 | WIRE.get(kind, 2 if kind in ("string", "bytes") or kind[0].isupper() else 0)))
        words.add(varint(number << 3 | 2))
        words.add(b'"' + re.sub(r"_(\w)", lambda m: m[1].upper(), name).encode() + b'":')
    words.update([b"auto_pad", b"SAME_UPPER", b"VALID", b"then_branch", b"else_branch", b"body", b"axis", b"axes",
                  b"kernel_shape", b"pads", b"strides", b"dilations", b"group", b"epsilon", b"perm", b"ai.onnx",
                  b"location", b"offset", b"length", b"NaN", b"Infinity", b"-Infinity", b"true", b"false", b"null",
                  b"\\u0000", b"\\ud800", b"1e999", b"-9223372036854775808", b"18446744073709551616", b"AAAA",
                  b"\x93NUMPY", b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", b"PK\x03\x04",
                  b"PK\x01\x02", b"PK\x05\x06"])
    print("# Made by tests/fuzz/make_dict.py from proto/onnx.proto and src/onnx/schema.def.")
    for word in sorted(words):
        print(quote(word))
    return 0


if __name__ == "__main__":
    sys.exit(main())
