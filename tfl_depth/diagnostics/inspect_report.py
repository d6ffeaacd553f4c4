"""What `tfl-depth inspect` finds in a model, ready for JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfl_depth.errors import ContractError
from tfl_depth.format import golden
from tfl_depth.format.contract import read_contract
from tfl_depth.format.contract_place import (
    BLANK_SIGNATURE,
    METADATA_NAME,
    digest_place,
    find_contract,
    find_metadata,
    signature_place,
)
from tfl_depth.format.model_check import check_model
from tfl_depth.quiet import quiet

__all__ = ["keras_report", "tflite_report"]

if TYPE_CHECKING:
    import keras


def keras_report(path: Path) -> dict[str, Any]:
    """A .keras file: inputs, outputs, parameters and MACs.

    Raises:
        ConversionError: it is not a .keras file, or not a graph of layers.
    """
    with quiet():
        from tfl_depth.evaluation.macs import count_macs
        from tfl_depth.models.dual_head import expect_graph
    from tfl_depth.models import load_model

    model = load_model(path)
    expect_graph(model)
    return {
        "inputs": [_keras_spec(tensor.name, tensor) for tensor in model.inputs],
        "outputs": list(map(_keras_spec, _output_names(model), model.outputs)),
        "parameters": model.count_params(),
        "macs": count_macs(model),
    }


def _output_names(model: keras.Model) -> list[str]:
    """The keys of a dict of outputs, otherwise the names of the output layers."""
    from tfl_depth.models.keras_graph import producer

    outputs = getattr(model, "output", None)
    if isinstance(outputs, dict):
        return sorted(outputs)
    return [producer(tensor).name for tensor in model.outputs]


def _keras_spec(name: str, tensor: keras.KerasTensor) -> dict[str, Any]:
    return {"name": name, "shape": list(tensor.shape), "dtype": tensor.dtype}


def tflite_report(content: bytes, public_key: Path | None) -> dict[str, Any]:
    """A .tflite file: graph, operators, tensors, sizes, contract and signature.

    Args:
        content: the file's bytes.
        public_key: the key to check the signature with, or None.

    Raises:
        ModelFileError: it is not a .tflite file, or was changed after its conversion.
        ContractError: `public_key` is given, and there is no contract with a signature.
        SignatureError: it is not signed by that key.
    """
    if public_key is not None:
        _expect_signature(content, public_key)
    decoding = _of_contract(content)
    with quiet():
        from tfl_depth.converters.operator_costs import read_costs
        from tfl_depth.converters.tflite_facts import read_facts

    costs, tensors = read_costs(content)
    return {
        **asdict(read_facts(content)),
        "costs": [asdict(cost) for cost in costs],
        "tensors": asdict(tensors),
        "sizes": _sizes(content, tensors.weight_bytes),
        **decoding,
        "signature_is_right": None if public_key is None else True,
    }


def _of_contract(content: bytes) -> dict[str, Any]:
    """The contract in the file, and values computed from it."""
    if find_contract(content) is None:
        return {"contract": None, "signed": False, "input_range": None, "steps_mm": None}
    contract = read_contract(content)
    check_model(content)
    # The digest and the signature are read at their places, all other fields by the runtime's
    # parser: a JSON document may have a field twice, or a number as text.
    digest, place = content[digest_place(content)].decode("latin-1"), signature_place(content)
    signature = None if place is None else content[place].decode("latin-1")
    document = {**json.loads(contract.to_json(digest)), "signature": signature}
    normalization = contract.normalization
    low, high = (np.array(normalization.scale) * pixel + normalization.offset for pixel in (0, 255))
    return {
        "contract": document,
        "signed": signature not in (None, BLANK_SIGNATURE),
        # The normalized values of pixels 0 and 255, for red, green and blue.
        "input_range": [list(each) for each in zip(low.tolist(), high.tolist(), strict=True)],
        "steps_mm": list(contract.spans.steps_mm) if contract.precision == "int8" else None,
    }


def _expect_signature(content: bytes, public_key: Path) -> None:
    from tfl_depth.format.signing import check_signature

    if find_contract(content) is None:
        raise ContractError("The model has no contract, and so no signature: convert it again.")
    check_signature(content, public_key)


def _sizes(content: bytes, weight_bytes: int) -> dict[str, int]:
    """Bytes of the parts of the file."""
    entries = {"contract": METADATA_NAME, "golden": golden.METADATA_NAME}
    parts = {"weights": weight_bytes}
    for part, name in entries.items():
        _, parts[part] = find_metadata(content, name) or (0, 0)
    return {**parts, "rest": len(content) - sum(parts.values())}
