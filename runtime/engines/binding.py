"""A model's input and outputs, by their names in the contract."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfl_depth.errors import ContractError, ModelFileError
from tfl_depth.format.contract import Contract
from tfl_depth.format.model_check import declared_shapes

Detail = dict[str, Any]


def bind(interpreter: Any, contract: Contract) -> tuple[Detail, dict[str, Detail]]:
    """Return the interpreter's details of the input and of the named outputs.

    Raises:
        ContractError: the model does not match its contract.
    """
    try:
        signature = interpreter.get_signature_runner()
    except ValueError as error:
        raise ContractError(
            "The model has no signature with names of inputs and outputs. Convert it again."
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
    """Refuse a model whose kernels compute other shapes than the file declares.

    In such a file a stride or a list of sizes was changed. The checks of `check_model` then do not
    hold for the operators after it.

    Args:
        interpreter: with its tensors allocated.
        model: the .tflite file's bytes.

    Raises:
        ModelFileError: a tensor has another shape.
    """
    declared = declared_shapes(model)
    for detail in interpreter.get_tensor_details():
        index, shape = detail["index"], tuple(detail["shape"].tolist())
        # After the file's own tensors come the working memories of kernels.
        if index < len(declared) and shape != declared[index]:
            raise ModelFileError(
                f"The file is damaged or malicious (tensor {index} of shape "
                f"{list(declared[index])} is computed as {list(shape)}). Get it again from its "
                "author, or convert the model again."
            )


def _expect(what: str, got: Any, expected: Any) -> None:
    if got != expected:
        raise ContractError(
            f"Expected {what} {expected} by the model's contract, got {got}. Convert it again."
        )
