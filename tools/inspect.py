"""tools/inspect: what a .keras or a .tflite model takes, gives, holds and computes."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfl_depth.contract import Contract, find_contract, read_contract
from tfl_depth.errors import ModelFileError
from tfl_depth.quiet import quiet
from tfl_depth.tools import command

if TYPE_CHECKING:
    import keras

EXAMPLE = "tools/inspect model.tflite"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(argv)
    return command.run(lambda: _inspect(options))


def _parser() -> argparse.ArgumentParser:
    parser = command.parser(
        "inspect",
        "Show a model's tensors, parameters and multiply-accumulates (MACs): one for each kernel\n"
        "element of a convolution or a dense layer at each position that the kernel is laid on.",
        EXAMPLE,
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="a .keras or .tflite file")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def _inspect(options: argparse.Namespace) -> None:
    path: Path = options.model
    describe = {".keras": _of_keras, ".tflite": _of_tflite}.get(path.suffix)
    if describe is None:
        raise ModelFileError(f"Expected MODEL to be a .keras or a .tflite file, got {path}.")
    if not path.is_file():
        raise ModelFileError(f"There is no model {path}.")
    result = {"model": str(path), "bytes": path.stat().st_size, **describe(path)}
    print(json.dumps(result, indent=2) if options.json else _table(result))


def _of_keras(path: Path) -> dict[str, Any]:
    with quiet():
        from tfl_depth.complexity import count_macs
        from tfl_depth.models import load_model
        from tfl_depth.models.dual_head import expect_graph

    model = load_model(path)
    expect_graph(model)
    return {
        "inputs": [_keras_door(tensor.name, tensor) for tensor in model.inputs],
        "outputs": list(map(_keras_door, _output_names(model), model.outputs)),
        "parameters": model.count_params(),
        "macs": count_macs(model),
    }


def _output_names(model: keras.Model) -> list[str]:
    """Keys of a dict of outputs, otherwise the names of the layers that give them."""
    outputs = getattr(model, "output", None)
    if isinstance(outputs, dict):
        return sorted(outputs)
    return [tensor._keras_history.operation.name for tensor in model.outputs]


def _keras_door(name: str, tensor: keras.KerasTensor) -> dict[str, Any]:
    return {"name": name, "shape": list(tensor.shape), "dtype": tensor.dtype}


def _of_tflite(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    # It knows a file that is no .tflite, or that was changed since it was converted.
    contract = read_contract(content) if find_contract(content) else None
    with quiet():
        from tfl_depth.converters.tflite_graph import read_graph

    return {**asdict(read_graph(content)), "contract": _of_contract(contract)}


def _of_contract(contract: Contract | None) -> dict[str, Any] | None:
    if contract is None:
        return None
    low = contract.pixel_offset
    return {
        "precision": contract.precision,
        "head": contract.head,
        "spans": contract.spans.count,
        "first_edge_m": contract.edges_m[0],
        "last_edge_m": contract.edges_m[-1],
        # What the network makes of pixels 0 and 255.
        "input_range": [low, 255 * contract.pixel_scale + low],
    }


def _table(result: dict[str, Any]) -> str:
    rows = [("model", f"{result['model']} ({result['bytes'] / 1e6:.2f} MB)")]
    rows += [("input", _door_text(door)) for door in result["inputs"]]
    rows += [("output", _door_text(door)) for door in result["outputs"]]
    rows += [("parameters", _count_text(result["parameters"]))]
    rows += [("MACs", _count_text(result["macs"]))]
    if "operators" in result:
        rows += _operator_rows(result["operators"]) + _contract_rows(result["contract"])
    return "\n".join(f"{name:<12} {text}" for name, text in rows)


def _door_text(door: dict[str, Any]) -> str:
    shape = "x".join("?" if side is None else str(side) for side in door["shape"])
    return f"{door['name']} {shape} {door['dtype']}"


def _count_text(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"


def _operator_rows(operators: dict[str, int]) -> list[tuple[str, str]]:
    total = ("operators", str(sum(operators.values())))
    return [total, *(("", f"{count:4} {name}") for name, count in operators.items())]


def _contract_rows(contract: dict[str, Any] | None) -> list[tuple[str, str]]:
    if contract is None:
        return [("contract", "none")]
    low, high = contract["input_range"]
    return [
        ("head", f"{contract['head']}, {contract['precision']}"),
        ("spans", "{spans}, {first_edge_m:g} to {last_edge_m:g} m".format_map(contract)),
        ("input range", f"{low:g} to {high:g} for pixels 0 to 255"),
    ]
