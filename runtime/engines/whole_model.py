"""The facts of a model that an NPU runs whole, without an interpreter that runs it."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from tfl_depth.format.contract import Contract
from tfl_depth.runtime.delegates.coverage import read_coverage
from tfl_depth.runtime.engines.binding import Detail, bind
from tfl_depth.runtime.engines.engine import EngineInfo
from tfl_depth.runtime.engines.interpreter import open_unallocated


class WholeModel(NamedTuple):
    """The facts of a model.

    Attributes:
        info: of its engine; the delegate takes all operators.
        source: details of the input, as an interpreter gives them.
        outputs: details of the outputs, by name.
    """

    info: EngineInfo
    source: Detail
    outputs: dict[str, Detail]


def read_whole_model(model: bytes, contract: Contract, delegate: str) -> WholeModel:
    """Read the facts of a model.

    Args:
        model: a .tflite file's bytes.
        contract: of the model.
        delegate: the name of what runs it.

    Raises:
        InterpreterError: no interpreter package is installed, or it refuses the model.
        ContractError: the model does not match its contract.
    """
    interpreter = open_unallocated(model)
    source, outputs = bind(interpreter, contract)
    _, height, width, _ = outputs[contract.output_names[0]]["shape"]
    scales = {name: detail["quantization"] for name, detail in outputs.items()}
    left = read_coverage(interpreter, delegate)
    coverage = replace(left, taken=left.operators, left={})
    info = EngineInfo(contract, coverage, (int(height), int(width)), scales)
    return WholeModel(info, source, outputs)
