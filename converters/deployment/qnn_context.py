"""The NPU's program inside a file that LiteRT's Qualcomm plugin has compiled."""

from __future__ import annotations

from dataclasses import dataclass

from flatbuffers import flexbuffers

from tfl_depth.converters.tflite_file import parse_tflite
from tfl_depth.errors import InterpreterError

DISPATCH = b"DISPATCH_OP"


@dataclass(frozen=True)
class HtpProgram:
    """A context binary of QNN.

    Attributes:
        name: of the graph in it.
        content: its bytes.
    """

    name: str
    content: bytes


def read_htp_program(model: bytes) -> HtpProgram:
    """Read the program of a model that the NPU takes whole.

    Raises:
        InterpreterError: it does not take it whole.
    """
    parsed = parse_tflite(model)
    (graph,) = parsed.subgraphs
    kinds = [parsed.operatorCodes[each.opcodeIndex].customCode for each in graph.operators]
    if kinds != [DISPATCH]:
        raise InterpreterError(
            f"Expected one program of the NPU, got {len(kinds)} operators: Qualcomm's compiler "
            "leaves some to the CPU (tfl-depth placement MODEL --target qnn-sm8650)."
        )
    # Offset and size of what lies behind the flatbuffer.
    options = flexbuffers.Loads(bytes(graph.operators[0].customOptions))
    offset, size = int(options["bytecode_offset"]), int(options["bytecode_size"])
    if not 0 < offset < offset + size <= len(model):
        raise InterpreterError("The compiled file is cut short: compile it again.")
    return HtpProgram(str(options["name"]), model[offset : offset + size])
