"""ONNX models written byte by byte, so that they can be wrong in any way."""
import struct

FLOAT, INT64, BOOL = 1, 7, 9


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def integer(field, number):
    return varint(field << 3) + varint(number)


def data(field, content):
    if isinstance(content, str):
        content = content.encode()
    return varint(field << 3 | 2) + varint(len(content)) + content


def tensor(name, dims, kind, raw):
    return b"".join(integer(1, d) for d in dims) + integer(2, kind) + data(8, name) + data(9, raw)


def floats(name, dims, values):
    return tensor(name, dims, FLOAT, struct.pack(f"<{len(values)}f", *values))


def ints(name, dims, values):
    return tensor(name, dims, INT64, struct.pack(f"<{len(values)}q", *values))


def info(name, dims, kind=FLOAT):
    """A value's name and type; an extent that is a string is a symbol, dims None is no shape."""
    extents = b"".join(data(1, data(2, d) if isinstance(d, str) else integer(1, d)) for d in dims or [])
    shape = b"" if dims is None else data(2, extents)
    return data(1, name) + data(2, data(1, integer(1, kind) + shape))


def attribute(name, value):
    """An attribute whose field and type follow from the value; bytes are a tensor, (graph,) a graph."""
    if isinstance(value, bool) or isinstance(value, int):
        body, kind = integer(3, value), 2
    elif isinstance(value, float):
        body, kind = varint(2 << 3 | 5) + struct.pack("<f", value), 1
    elif isinstance(value, str):
        body, kind = data(4, value), 3
    elif isinstance(value, bytes):
        body, kind = data(5, value), 4
    elif isinstance(value, tuple):
        body, kind = data(6, value[0]), 5
    else:
        body, kind = b"".join(integer(8, i) for i in value), 7
    return data(1, name) + body + integer(20, kind)


def node(kind, inputs, outputs, **attributes):
    return (b"".join(data(1, i) for i in inputs) + b"".join(data(2, o) for o in outputs) + data(4, kind)
            + b"".join(data(5, attribute(name, value)) for name, value in attributes.items()))


def graph(nodes, inputs=(), outputs=(), tensors=()):
    return (b"".join(data(1, n) for n in nodes) + data(2, "g") + b"".join(data(5, t) for t in tensors)
            + b"".join(data(11, i) for i in inputs) + b"".join(data(12, o) for o in outputs))


def model(body, opset=13):
    return integer(1, 8) + data(8, data(1, "") + integer(2, opset)) + data(7, body)


def function(name, inputs, outputs, nodes, opset=13):
    """A model-local function of the domain "local"; it goes behind a model's bytes."""
    imports = data(9, data(1, "") + integer(2, opset)) + data(9, data(1, "local") + integer(2, 1))
    return data(25, data(1, name) + b"".join(data(4, i) for i in inputs) + b"".join(data(5, o) for o in outputs)
                + b"".join(data(7, n) for n in nodes) + imports + data(10, "local"))


def local(name, inputs, outputs):
    """A node that calls one."""
    return node(name, inputs, outputs) + data(7, "local")


def chain(nodes, tensors=(), shape=(1, 2, 4, 4), **rest):
    """A model from x to y."""
    return model(graph(nodes, [info("x", shape)], [info("y", None)], tensors), **rest)


def batchnorm(x, y, channels=2, prefix="bn"):
    """A BatchNormalization and its four parameters."""
    names = [f"{prefix}.{p}" for p in ("gamma", "beta", "mean", "var")]
    return (node("BatchNormalization", [x] + names, [y], epsilon=1e-3),
            [floats(n, [channels], [1.5] * channels) for n in names])
