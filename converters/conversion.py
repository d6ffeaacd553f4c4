"""The result of a conversion: the model, its report, and what it says of itself."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfl_depth.converters.conversion_files import write_conversion
from tfl_depth.converters.conversion_text import one_line, summary
from tfl_depth.format.contract import Contract
from tfl_depth.targets import TARGETS, Target

if TYPE_CHECKING:
    from tfl_depth.converters.deployment.compile import CompiledModel


@dataclass(frozen=True, repr=False)
class Conversion:
    """A converted, verified model. `print` shows its verdict, differences, size and placement.

    Attributes:
        model: the .tflite file's bytes, with the contract.
        contract: of the file.
        warnings: sentences for the user.
        target: name of the target.
        target_settings: the target, with the compiler's settings.
        placed: the model of the target and where its operators run; None for the CPU.
    """

    model: bytes
    contract: Contract
    warnings: tuple[str, ...] = ()
    target: str = "cpu"
    target_settings: Target = TARGETS["cpu"]
    placed: CompiledModel | None = None

    def save(self, output: str | os.PathLike[str], *, overwrite: bool = False) -> tuple[Path, ...]:
        """Write the model, its report (.json) and the files of its target, either all or none.

        Args:
            output: path of the model, which ends in .tflite.
            overwrite: replace existing files.

        Returns:
            The paths of the files, the model first.

        Raises:
            ConversionError: a file exists and `overwrite` is not set, the folder is missing, or
                the name does not end in .tflite.
            OutputError: a file cannot be written.
        """
        return write_conversion(self, Path(output), overwrite=overwrite)

    def __str__(self) -> str:
        return summary(self)

    def __repr__(self) -> str:
        return one_line(self)

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
