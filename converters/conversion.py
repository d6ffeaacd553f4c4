"""The result of a conversion: the model, its report and the files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tfl_depth.errors import ConversionError
from tfl_depth.files import write_together
from tfl_depth.format.contract import Contract


@dataclass(frozen=True)
class Conversion:
    """A converted, verified model.

    Attributes:
        model: the .tflite file's bytes, with the contract.
        contract: of the file.
        warnings: sentences for the user.
    """

    model: bytes
    contract: Contract
    warnings: tuple[str, ...] = ()

    @property
    def report(self) -> dict[str, Any]:
        """The facts and measurements of the conversion, for JSON."""
        contract = self.contract
        return {
            "tool": contract.tool,
            "source": None if contract.source is None else asdict(contract.source),
            "precision": contract.precision,
            "recipe": contract.recipe,
            "head": contract.head,
            "input": {
                "height": contract.height,
                "width": contract.width,
                "normalization": asdict(contract.normalization),
                "fit": contract.fit,
                "camera": None if contract.camera is None else asdict(contract.camera),
            },
            "edges_m": list(contract.edges_m),
            "curved": contract.curves_m is not None,
            "codes_per_span": contract.spans.codes_per_span,
            "steps_mm": list(contract.spans.steps_mm),
            "bytes": len(self.model),
            "calibration": None if contract.calibration is None else asdict(contract.calibration),
            "verification": contract.verification,
            "golden": None if contract.golden is None else asdict(contract.golden),
            "warnings": list(self.warnings),
        }


def report_path(output: Path) -> Path:
    """Return the path of a model's report: next to the model, with the suffix .json."""
    return output.with_suffix(".json")


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
    conversion: Conversion,
    output: Path,
    *,
    target: str | None = None,
    overwrite: bool = False,
    beside: Mapping[Path, bytes] | None = None,
) -> None:
    """Write the model, its report and the other files, either all or none.

    Args:
        conversion: the model.
        output: path of the model.
        target: name of the target, for the report.
        overwrite: replace existing files.
        beside: contents of the other files, by path.

    Raises:
        ConversionError: an output exists and `overwrite` is not set, or the folder is missing.
    """
    others = beside or {}
    refuse_existing(output, overwrite=overwrite, beside=others)
    named = {"model": output.name, "target": target, **conversion.report}
    report = json.dumps(named, indent=2) + "\n"
    write_together({output: conversion.model, report_path(output): report.encode(), **others})
