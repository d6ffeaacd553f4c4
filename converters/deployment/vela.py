"""Arm's compiler Vela, run as a process: compiles a model for an Ethos-U and estimates its cost.

Its exit status is 0 even if operators are left on the CPU, and its time does not include them. The
CSV file of layers shows where operators run. The reasons are only in Vela's printed output.
"""

from __future__ import annotations

import csv
import importlib.util
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tfl_depth import child
from tfl_depth.converters.deployment.compiler_output import last_error
from tfl_depth.converters.deployment.compiler_process import run_compiler
from tfl_depth.converters.deployment.placement import CPU, NPU, Estimate, PlacedOperator
from tfl_depth.converters.tflite_facts import read_operators
from tfl_depth.errors import ConversionError
from tfl_depth.targets import VelaSettings

# In seconds. The largest network of the zoo takes half a minute on a slow processor.
TIME_LIMIT_S = 1200
_STEM = "model"
_REFUSAL = re.compile(r"operator: (\w+), ofm: '(.*)'\n\s*Reason: (.*)")
# Hints for operators that Vela refuses.
_ADVICE = {
    "RESIZE_BILINEAR": "resize by exactly 2x in each step, which half-pixel bilinear needs",
    "RESIZE_NEAREST_NEIGHBOR": "enlarge by 2, 4 or 8",
    "QUANTIZE": "convert with --int8, whose inputs and outputs are bytes",
    "DEQUANTIZE": "convert with --int8, whose inputs and outputs are bytes",
}
_LOOK_UP = "use operators of `vela --supported-ops-report` instead"


@dataclass(frozen=True)
class Compiled:
    """The result of Vela.

    Attributes:
        model: the compiled .tflite. The digest of its contract is no longer valid.
        operators: of the model, in execution order.
        estimate: for the operators on the NPU.
    """

    model: bytes
    operators: tuple[PlacedOperator, ...]
    estimate: Estimate


def compile_model(model: bytes, settings: VelaSettings) -> Compiled:
    """Compile a .tflite file.

    Raises:
        ConversionError: Vela is not installed, refuses the model or its settings, or hangs.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"{_STEM}.tflite"
        source.write_bytes(model)
        printed = _run(source, settings)
        compiled = source.with_name(f"{_STEM}_vela.tflite")
        layers, summaries = (
            list(Path(folder).glob(f"{_STEM}_{what}.csv")) for what in ("per-layer", "summary_*")
        )
        if not compiled.is_file() or not layers or not summaries:
            raise ConversionError(f"Vela compiled nothing. {_message(printed)}")
        return Compiled(
            model=compiled.read_bytes(),
            operators=_operators(model, _rows(layers[0]), _refusals(printed)),
            estimate=_estimate(_rows(summaries[0])[0], settings),
        )


def _run(source: Path, settings: VelaSettings) -> str:
    if importlib.util.find_spec("ethosu") is None:
        raise ConversionError(
            "Arm's compiler Vela is not installed: pip install 'ethos-u-vela>=5.2'."
        )
    done = run_compiler(
        [
            *child.run_module("ethosu.vela", source, "--output-dir", source.parent),
            *("--accelerator-config", settings.accelerator, "--config", settings.config),
            *("--system-config", settings.system_config),
            *("--memory-mode", settings.memory_mode, "--verbose-performance"),
        ],
        name="Vela",
        target=settings.accelerator,
        program="Vela",
        limit_s=TIME_LIMIT_S,
        environment=child.environment(),
    )
    if done.returncode != 0:
        raise ConversionError(
            f"Vela cannot compile for {settings.accelerator} with {settings.system_config} and "
            f"{settings.memory_mode} of {settings.config}. {_message(done.stdout)}"
        )
    return done.stdout


def _message(printed: str) -> str:
    return f"Its message: {last_error(printed) or 'none'}"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _refusals(printed: str) -> dict[str, str]:
    """Return why operators are left on the CPU, by the name of their output."""
    return {name: reason.strip() for _kind, name, reason in _REFUSAL.findall(printed)}


def _operators(
    model: bytes, rows: list[dict[str, str]], refusals: dict[str, str]
) -> tuple[PlacedOperator, ...]:
    """Return the model's operators in Vela's order, each with the sum of its commands.

    A row has the name of an operator's output. Vela inserts copies before an operator. Their rows
    have the name of the copied tensor and another type, and count for the operator of the next row.
    An operator without a row was folded into another one.
    """
    kinds = {operator.name: operator.kind for operator in read_operators(model)}
    own: dict[str, list[dict[str, str]]] = {}
    copies: list[dict[str, str]] = []
    for row in rows:
        name, parts = row["Name"], own.get(row["Name"], [])
        if name not in kinds or (parts and _type(parts[-1]) != _type(row)):
            copies.append(row)
            continue
        own[name] = [*parts, *copies, row]
        copies = []
    parts_by_name = own | {name: [] for name in kinds.keys() - own.keys()}
    return tuple(
        _operator(kinds[name], name, parts, refusals) for name, parts in parts_by_name.items()
    )


def _type(row: dict[str, str]) -> str:
    return row["Original Operator"]


def _operator(
    kind: str, name: str, parts: list[dict[str, str]], refusals: dict[str, str]
) -> PlacedOperator:
    if name not in refusals and all(part["Target"] == "NPU" for part in parts):
        return PlacedOperator(kind, name, NPU, cycles=sum(int(part["Op Cycles"]) for part in parts))
    reason = refusals.get(name, "Vela gives no reason")
    return PlacedOperator(kind, name, CPU, reason, _ADVICE.get(kind, _LOOK_UP))


def _estimate(summary: dict[str, str], settings: VelaSettings) -> Estimate:
    def kibibytes(*memories: str) -> int:
        return round(1024 * sum(float(summary[f"{memory}_memory_used"]) for memory in memories))

    return Estimate(
        configuration={
            "accelerator": settings.accelerator,
            "config": settings.config,
            "system_config": settings.system_config,
            "memory_mode": settings.memory_mode,
        },
        clock_hz=float(summary["core_clock"]),
        cycles=int(float(summary["cycles_total"])),
        macs_per_cycle=settings.macs_per_cycle,
        sram_bytes=kibibytes("sram"),
        other_bytes=kibibytes("dram", "on_chip_flash", "off_chip_flash"),
    )
