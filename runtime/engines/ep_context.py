"""An ONNX file with one EPContext node, which holds an NPU's program.

It has few fields, so that they are written here: the package onnx is not needed on a board. Numbers
of fields: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. The node's attributes:
https://onnxruntime.ai/docs/execution-providers/EP-Context-Design.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tfl_depth.format.htp_program import HtpProgram

_DOMAIN = "com.microsoft"
# The oldest versions that have all of it.
_FORMAT_VERSION, _OPERATOR_VERSION, _DOMAIN_VERSION = 8, 17, 1
# TensorProto.DataType, AttributeProto.AttributeType.
_INT8, _OF_INTEGER, _OF_BYTES = 3, 2, 3


class ContextTensor(NamedTuple):
    """The signature name and the shape of an int8 tensor."""

    name: str
    shape: Sequence[int]


def ep_context_file(
    program: HtpProgram, source: ContextTensor, results: Sequence[ContextTensor]
) -> bytes:
    """Write the ONNX file of a program.

    Args:
        program: of the NPU.
        source: its input.
        results: its outputs.
    """
    names = [result.name for result in results]
    graph = [
        _block(1, _node(program, source.name, names)),
        _text(2, program.name),
        _block(11, _tensor(source)),
        *(_block(12, _tensor(result)) for result in results),
    ]
    return b"".join(
        [
            _number(1, _FORMAT_VERSION),
            _block(7, graph),
            _block(8, [_number(2, _OPERATOR_VERSION)]),
            _block(8, [_text(1, _DOMAIN), _number(2, _DOMAIN_VERSION)]),
        ]
    )


def _node(program: HtpProgram, source: str, results: Iterable[str]) -> list[bytes]:
    attributes: dict[str, int | bytes] = {
        "embed_mode": 1,
        "ep_cache_context": program.content,
        "main_context": 1,
        "source": b"QNNExecutionProvider",
        "partition_name": program.name.encode(),
    }
    return [
        _text(1, source),
        *(_text(2, name) for name in results),
        _text(3, program.name),
        _text(4, "EPContext"),
        *(_block(5, _attribute(name, value)) for name, value in attributes.items()),
        _text(7, _DOMAIN),
    ]


def _attribute(name: str, value: int | bytes) -> list[bytes]:
    if isinstance(value, int):
        return [_text(1, name), _number(3, value), _number(20, _OF_INTEGER)]
    return [_text(1, name), _bytes(4, value), _number(20, _OF_BYTES)]


def _tensor(form: ContextTensor) -> list[bytes]:
    shape = [_block(1, [_number(1, side)]) for side in form.shape]
    kind = [_number(1, _INT8), _block(2, shape)]
    return [_text(1, form.name), _block(2, [_block(1, kind)])]


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _block(field: int, parts: Iterable[bytes]) -> bytes:
    return _bytes(field, b"".join(parts))


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the highest bit says that more follow."""
    done = bytearray()
    while value > 0x7F:
        done.append(value & 0x7F | 0x80)
        value >>= 7
    done.append(value)
    return bytes(done)
