"""The whole way: prepare, quantise, write the contract, verify, and only then give the name."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

import tfl_depth
from tfl_depth.contract import Calibration, Contract, Normalization
from tfl_depth.converters.flatbuffer import pin_int16_ranges, with_contract
from tfl_depth.converters.golden import with_golden
from tfl_depth.converters.prepare import INPUT_NAME, Network, at_size, split_normalisation
from tfl_depth.converters.keras_quantize import Representative, to_tflite
from tfl_depth.converters.representative import ImageSplit, read_calibration, with_extremes
from tfl_depth.converters.steps import prepare
from tfl_depth.converters.verify import as_report, check_tensors, check_weights, measure_fidelity
from tfl_depth.converters.workpiece import Progress
from tfl_depth.encoding import Spans
from tfl_depth.errors import ConversionError
from tfl_depth.files import write_together
from tfl_depth.models.dual_head import FULL
from tfl_depth.recipes import DEFAULT, RECIPES


@dataclass(frozen=True)
class Conversion:
    """A converted, verified model.

    Attributes:
        model: the .tflite file's bytes, contract included.
        contract: the same, as an object.
    """

    model: bytes
    contract: Contract

    @property
    def report(self) -> dict[str, Any]:
        """What was done and measured, ready for JSON."""
        contract = self.contract
        return {
            "tool": contract.tool,
            "precision": contract.precision,
            "recipe": contract.recipe,
            "head": contract.head,
            "input": {"height": contract.height, "width": contract.width},
            "edges_m": list(contract.edges_m),
            "codes_per_span": contract.spans.codes_per_span,
            "steps_mm": list(contract.spans.steps_mm),
            "bytes": len(self.model),
            "calibration": None if contract.calibration is None else asdict(contract.calibration),
            "verification": contract.verification,
            "golden": None if contract.golden is None else asdict(contract.golden),
        }


def _silent(items: Iterable[Any], _total: int, _what: str) -> Iterable[Any]:
    return items


def convert(
    model: keras.Model,
    *,
    images: ImageSplit,
    spans: Spans,
    precision: str = "int8",
    head: str = "split",
    size: tuple[int, int] | None = None,
    input_range: tuple[float, float] | None = None,
    per_channel: bool = True,
    recipe: str | None = None,
    layers: tuple[str, ...] | None = None,
    golden: bool = True,
    progress: Progress = _silent,
) -> Conversion:
    """Convert a Keras model that ends in a linear depth convolution, and verify the result.

    Args:
        model: one input (batch, H, W, 3), one output of metres.
        images: to calibrate with (not for float32) and to verify with.
        spans: the split's intervals; the last edge is the model's range in any case.
        precision: "int8", "int16x8" or "float32".
        head: "split" (outputs `integer` and `fractional`) or "single" (output `depth`).
        size: (height, width) to deploy for, where it is not the model's own.
        input_range: what the network takes for a pixel of 0 and of 255, where it does not begin
            with a `Rescaling` layer.
        per_channel: give each output channel of a convolution a scale of its own. Where an NPU
            takes one scale a convolution only, it must be False, which costs accuracy.
        recipe: a name in `RECIPES`: what is done to the network first. None: the default, and
            nothing for float32.
        layers: names of the convolutions that the recipe works on; None: all.
        golden: put golden vectors into the file, which are two of the verification photos.
        progress: shows how far the slow parts have come.

    Raises:
        ConversionError: the model, the images or the result are not as they must be.
    """
    recipe = _recipe(recipe, precision)
    network = split_normalisation(at_size(model, size), input_range)
    contract = _contract(network, images, precision=precision, head=head, spans=spans)
    contract = replace(contract, recipe=recipe)
    ready = network
    if recipe is not None:
        ready = prepare(
            network,
            RECIPES[recipe],
            images,
            per_channel=per_channel,
            progress=progress,
            layers=layers,
        )
    content = to_tflite(
        ready.deployed(precision=precision, head=head, spans=spans),
        precision=precision,
        representative=_representative(network, images, contract, progress),
        per_channel=per_channel,
    )
    if precision == "int16x8":
        content = _pin_int16(content, head, spans)
    if precision == "int8":
        check_tensors(content, contract)
    if not per_channel:
        check_weights(content)
    contract = _verified(content, contract, network, images, progress)
    if golden:
        return Conversion(*with_golden(content, contract, images.verification))
    return Conversion(with_contract(content, contract), contract)


def _recipe(name: str | None, precision: str) -> str | None:
    if precision == "float32":
        if name is not None:
            raise ConversionError("float32 needs no recipe: leave it out, or convert to int8.")
        return None
    if name is not None and name not in RECIPES:
        raise ConversionError(f"Expected `recipe` to be one of {', '.join(RECIPES)}, got {name!r}.")
    return name or DEFAULT


def _contract(
    network: Network, images: ImageSplit, *, precision: str, head: str, spans: Spans
) -> Contract:
    _, height, width, _ = network.body.inputs[0].shape
    calibration = Calibration(len(images.calibration), images.sha256(), images.seed)
    normalisation = network.normalisation
    if precision == "int8":
        normalisation = normalisation.in_bytes
    return Contract(
        tool=f"tfl-depth {tfl_depth.__version__}",
        precision=precision,
        head=head,
        edges_m=spans.edges_m if head == "split" else (0.0, spans.max_depth_m),
        input_name=INPUT_NAME,
        height=height,
        width=width,
        normalization=Normalization((normalisation.scale,) * 3, (normalisation.offset,) * 3),
        calibration=None if precision == "float32" else calibration,
        verification={},
    )


def _representative(
    network: Network, images: ImageSplit, contract: Contract, progress: Progress
) -> Representative:
    def batches() -> Iterator[npt.NDArray[np.float32]]:
        pixels = read_calibration(images, (contract.height, contract.width))
        for image in progress(pixels, len(images.calibration), "calibrate"):
            yield network.as_input(image, contract.precision)
        yield network.as_input(with_extremes(image), contract.precision)

    return batches


def _pin_int16(content: bytes, head: str, spans: Spans) -> bytes:
    if head == "single":
        return pin_int16_ranges(content, {"depth": spans.max_depth_m}, None)
    upper = {"integer": spans.integer_max, "fractional": 1.0}
    return pin_int16_ranges(content, upper, FULL)


def _verified(
    content: bytes, contract: Contract, network: Network, images: ImageSplit, progress: Progress
) -> Contract:
    """Measure the file as its users run it; its contract with the figures."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        file.write_bytes(with_contract(content, contract))
        shown = progress(images.verification, len(images.verification), "verify")
        fidelity = measure_fidelity(file, network.on_pixels(), shown, contract.spans)
    return replace(contract, verification=as_report(fidelity))


def report_path(output: Path) -> Path:
    """Where the report of a model lies: beside it, with the suffix .json."""
    return output.with_suffix(".json")


def refuse_existing(output: Path, *, overwrite: bool, beside: Iterable[Path] = ()) -> None:
    """Refuse to replace a model, its report or what else comes beside it unless told to.

    Raises:
        ConversionError: one of them is there, their folder is not, or the name is no .tflite.
    """
    if output.suffix != ".tflite":
        raise ConversionError(f"Expected an output that ends in .tflite, got {output}.")
    if not output.parent.is_dir():
        raise ConversionError(f"There is no folder {output.parent} to write {output.name} into.")
    for path in (output, report_path(output), *beside):
        if path.is_dir():
            raise ConversionError(f"{path} is a folder: name another output.")
        if path.exists() and not overwrite:
            raise ConversionError(f"{path} exists: name another output, or pass --overwrite.")


def write_conversion(
    conversion: Conversion,
    output: Path,
    *,
    target: str | None = None,
    overwrite: bool = False,
    beside: Mapping[Path, bytes] | None = None,
) -> None:
    """Write the model and, beside it, its report and what else belongs to it, all whole.

    Args:
        conversion: the model.
        output: its file.
        target: name of what it was made for, which the report says.
        overwrite: replace what is there.
        beside: contents of other files.

    Raises:
        ConversionError: an output exists and may not be replaced, or its folder is missing.
    """
    others = beside or {}
    refuse_existing(output, overwrite=overwrite, beside=others)
    named = {"model": output.name, "target": target, **conversion.report}
    report = json.dumps(named, indent=2) + "\n"
    write_together({output: conversion.model, report_path(output): report.encode(), **others})
