"""A finished conversion, its report, and how it is written to disk."""

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
        model: the .tflite file's bytes, contract included.
        contract: the same, as an object.
        warnings: sentences that its user should read.
    """

    model: bytes
    contract: Contract
    warnings: tuple[str, ...] = ()

    @property
    def report(self) -> dict[str, Any]:
        """What was done and measured, ready for JSON."""
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
