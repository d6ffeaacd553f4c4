"""The NPU's program inside a file that LiteRT's Qualcomm plugin has compiled."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tfl_depth.errors import ModelFileError
from tfl_depth.format import flatbuffer_reader as tables
from tfl_depth.format.litert_stamp import read_stamp

# The operator that stands for a part which the NPU takes.
DISPATCH = "DISPATCH_OP"
# Field numbers, for `flatbuffer_reader.read`.
_MODEL_CODES, _MODEL_GRAPHS, _GRAPH_OPERATORS = 1, 2, 3
_CODE_CUSTOM_NAME, _OPERATOR_CODE, _OPERATOR_CUSTOM_OPTIONS = 1, 0, 5


@dataclass(frozen=True)
class HtpProgram:
    """A context binary of QNN.

    Attributes:
        name: of the graph in it.
        content: its bytes.
        chip: that it is compiled for, such as "SM8650"; empty if the file does not tell.
    """

    name: str
    content: bytes
    chip: str = ""


def read_htp_program(model: bytes) -> HtpProgram:
    """Read the program of a model that the NPU takes whole.

    Raises:
        ModelFileError: it does not take it whole, or the file is damaged.
    """
    return replace(tables.read(model, _program), chip=read_stamp(model).chip)


def _program(root: tables.Table) -> HtpProgram:
    graph = tables.child_at(root, _MODEL_GRAPHS, 0)
    operators = [*tables.children(graph, _GRAPH_OPERATORS)]
    kinds = [_custom_name(root, operator) for operator in operators]
    if kinds != [DISPATCH]:
        raise ModelFileError(
            f"Expected one program of the NPU ({DISPATCH}), got {len(kinds)} operators: convert "
            "the model for the chip (tfl-depth convert --target qnn-...); if its compiler leaves "
            "operators to the CPU, tfl-depth placement names them."
        )
    name, offset, size = _options(operators[0])
    if not 0 < offset < offset + size <= len(root.data):
        raise ModelFileError("The compiled file is cut short: compile it again.")
    return HtpProgram(name, root.data[offset : offset + size])


def _custom_name(root: tables.Table, operator: tables.Table) -> str:
    index = tables.scalar(operator, _OPERATOR_CODE, "I")
    return tables.text(tables.child_at(root, _MODEL_CODES, index), _CODE_CUSTOM_NAME)


def _options(operator: tables.Table) -> tuple[str, int, int]:
    """The graph's name, and offset and size of what lies behind the flatbuffer."""
    # Imported here, since only compiled models need it.
    from flatbuffers import flexbuffers

    content = tables.array(operator, _OPERATOR_CUSTOM_OPTIONS, "u1")
    if content is None:
        raise ValueError("the operator has no options")
    try:
        options = flexbuffers.GetRoot(content.tobytes()).AsMap
        keys = ("name", "bytecode_offset", "bytecode_size")
        name, offset, size = (options[key] for key in keys)
        return str(name.AsString), int(offset.AsInt), int(size.AsInt)
    except (KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError("the operator has other options") from error
