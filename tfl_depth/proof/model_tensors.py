"""The input and the outputs of a model, for engines of proof."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tfl_depth.format.contract import Contract, read_contract
from tfl_depth.runtime.engines.interpreter import open_interpreter
from tfl_depth.runtime.postprocess import DepthDecoder, depth_decoder


class ModelTensors(NamedTuple):
    """The input and the outputs of a model.

    Attributes:
        contract: the one in the file.
        input_dtype: of the input tensor (1, height, width, 3).
        output_names: the signature names, in the order of the file.
        output_shape: of each output, (1, H, W, 1).
        output_dtypes: of each output, by name.
        scales: quantization (scale, zero point) of each output, by name.
    """

    contract: Contract
    input_dtype: np.dtype[Any]
    output_names: tuple[str, ...]
    output_shape: tuple[int, ...]
    output_dtypes: dict[str, np.dtype[Any]]
    scales: dict[str, tuple[float, int]]

    @property
    def grid_size(self) -> tuple[int, int]:
        """(height, width) of the outputs."""
        return self.output_shape[1], self.output_shape[2]

    def new_decoder(self) -> DepthDecoder:
        """Create the decoder of the outputs."""
        return depth_decoder(self.contract, self.scales, self.grid_size)


def read_model_tensors(model: bytes) -> ModelTensors:
    """Read the tensors of a file.

    Raises:
        InterpreterError: the interpreter refuses the model, for example because it is compiled.
        ModelFileError, ContractError: the file is damaged.
    """
    contract = read_contract(model)
    interpreter = open_interpreter(model, xnnpack=False)
    order = [detail["index"] for detail in interpreter.get_output_details()]
    signature = interpreter.get_signature_runner()
    (source,) = signature.get_input_details().values()
    details = signature.get_output_details()
    names = sorted(contract.output_names, key=lambda name: order.index(details[name]["index"]))
    return ModelTensors(
        contract=contract,
        input_dtype=np.dtype(source["dtype"]),
        output_names=tuple(names),
        output_shape=tuple(map(int, details[names[0]]["shape"])),
        output_dtypes={name: np.dtype(details[name]["dtype"]) for name in names},
        scales={name: details[name]["quantization"] for name in names},
    )
