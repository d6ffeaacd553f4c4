"""A model's input and outputs, by name and as its contract says."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfl_depth.errors import ContractError, ModelFileError
from tfl_depth.format.contract import Contract
from tfl_depth.format.model_check import declared_shapes

Detail = dict[str, Any]


def bind(interpreter: Any, contract: Contract) -> tuple[Detail, dict[str, Detail]]:
    """Get the details of the input and of the named outputs.

    Raises:
        ContractError: the model does not keep its contract.
    """
    try:
        signature = interpreter.get_signature_runner()
    except ValueError as error:
        raise ContractError(
            "The model names no inputs and outputs (it has no signature): convert it again."
        ) from error
    inputs, outputs = signature.get_input_details(), signature.get_output_details()
    missing = {contract.input_name} - set(inputs) | set(contract.output_names) - set(outputs)
    if missing:
        raise ContractError(
            f"The model lacks the tensors {sorted(missing)} that its contract names; it has inputs "
            f"{sorted(inputs)} and outputs {sorted(outputs)}. Convert it again."
        )
    source = inputs[contract.input_name]
    _expect("input shape", source["shape"].tolist(), [1, contract.height, contract.width, 3])
    quantized = contract.precision == "int8"
    _expect("input dtype", source["dtype"], np.int8 if quantized else np.float32)
    size = outputs[contract.output_names[0]]["shape"].tolist()[1:3]
    for name in contract.output_names:
        _expect(f"dtype of {name}", outputs[name]["dtype"], source["dtype"])
        _expect(f"shape of {name}", outputs[name]["shape"].tolist(), [1, *size, 1])
    return source, {name: outputs[name] for name in contract.output_names}


def expect_declared_shapes(interpreter: Any, model: bytes) -> None:
    """Refuse a model whose kernels compute tensors of other shapes than the file declares.

    A stride or a list of sizes was changed then, and what `check_model` has found of the shapes
    does not hold for the operators behind it.

    Args:
        interpreter: with its tensors allocated.
        model: the .tflite file's bytes.

    Raises:
        ModelFileError: a tensor has another shape.
    """
    declared = declared_shapes(model)
    for detail in interpreter.get_tensor_details():
        index, shape = detail["index"], tuple(detail["shape"].tolist())
        # Behind the file's own tensors are the working memories of kernels.
        if index < len(declared) and shape != declared[index]:
            raise ModelFileError(
                f"The file is damaged or made to do harm (tensor {index} of shape "
                f"{list(declared[index])} comes out as {list(shape)}): get it from who made it, or "
                "convert the model again."
            )


def _expect(what: str, got: Any, expected: Any) -> None:
    if got != expected:
        raise ContractError(
            f"Expected {what} {expected} by the model's contract, got {got}: convert it again."
        )
