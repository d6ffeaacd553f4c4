"""The files of a conversion: the model, its report, and what its target adds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tfl_depth.errors import ConversionError
from tfl_depth.files import write_together
from tfl_depth.png import as_png
from tfl_depth.targets import Target

if TYPE_CHECKING:
    from tfl_depth.converters.conversion import Conversion


def report_path(output: Path) -> Path:
    """Return the path of a model's report: next to the model, with the suffix .json."""
    return output.with_suffix(".json")


def target_files(output: Path, target: Target) -> list[Path]:
    """Return the files that a target adds to the portable model and its report."""
    if not target.has_npu:
        return []
    ends = ["_placement.json"]
    if target.htp_soc is not None:
        ends += ["_qnn.tflite"]
    if target.vela is not None:
        ends += ["_vela.tflite", "_placement.png"]
    if target.neutron is not None:
        ends += ["_neutron.tflite", "_placement.png"]
    if target.rockchip is not None and target.rockchip.python is not None:
        ends += [f"_{target.rockchip.platform}{end}" for end in (".rknn", ".json")]
    return [output.with_name(output.stem + end) for end in ends]


def refuse_existing(output: Path, *, overwrite: bool, beside: Iterable[Path] = ()) -> None:
    """Refuse to replace a model or the files next to it, unless `overwrite` is set.

    Raises:
        ConversionError: a file exists, the folder does not exist, or the name does not end in
            .tflite.
    """
    if output.suffix != ".tflite":
        raise ConversionError(f"Expected an output that ends in .tflite, got {output}.")
    if not output.parent.is_dir():
        raise ConversionError(f"There is no folder {output.parent} for {output.name}.")
    for path in (output, report_path(output), *beside):
        if path.is_dir():
            raise ConversionError(f"{path} is a folder. Choose another output.")
        if path.exists() and not overwrite:
            raise ConversionError(f"{path} exists. Choose another output, or pass --overwrite.")


def write_conversion(
    conversion: Conversion, output: Path, *, overwrite: bool = False
) -> tuple[Path, ...]:
    """Write the model, its report and the files of its target, either all or none.

    Returns:
        The paths of the files, the model first.

    Raises:
        ConversionError: an output exists and `overwrite` is not set, or the folder is missing.
    """
    beside = _beside(conversion, output)
    refuse_existing(output, overwrite=overwrite, beside=beside)
    named = {"model": output.name, "target": conversion.target, **conversion.report}
    report = (json.dumps(named, indent=2) + "\n").encode()
    files = {output: conversion.model, report_path(output): report, **beside}
    write_together(files)
    return tuple(files)


def _beside(conversion: Conversion, output: Path) -> dict[Path, bytes]:
    """Return the contents of the files of `target_files`."""
    placed = conversion.placed
    if placed is None:
        return {}
    from tfl_depth.converters.deployment.picture import placement_picture
    from tfl_depth.converters.deployment.rockchip import contract_beside

    target = conversion.target_settings
    contents = [(json.dumps(placed.placement.as_report(), indent=2) + "\n").encode()]
    if placed.compiled is not None:
        contents.append(placed.compiled)
        if target.rockchip is not None:
            contents.append(contract_beside(conversion.contract, placed.compiled))
        elif target.htp_soc is None:
            title = f"{output.name} on {conversion.target}"
            contents.append(as_png(placement_picture(placed.placement, title)))
    return dict(zip(target_files(output, target), contents, strict=True))
