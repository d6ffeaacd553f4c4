"""docs/networks.md: what INT8 costs each stranger.

python -m tests.networks.table                                 writes the table from its figures
python -m tests.networks.table measure --data DIR [NAME ...]   measures them first

DIR holds `nyuv2`; of networks that `python -m tests.networks.train` has trained, --trained names
the folder. What the figures hold of other networks stays.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.networks.measure import (
    converted,
    difference,
    int8_depth,
    read_photos,
)
from tests.networks.sources import source_network
from tests.networks.stranger import Stranger
from tests.networks.strangers import strangers
from tests.networks.trained import measure_trained
from tfl_depth.converters.deployment import compile_for_target
from tfl_depth.converters.representative import ImageSplit
from tfl_depth.data.datasets import photos
from tfl_depth.errors import ConversionError
from tfl_depth.files import write_whole
from tfl_depth.tables import markdown, with_table
from tfl_depth.targets import TARGETS

DOCUMENT = Path("docs/networks.md")
FIGURES = Path("docs/figures/networks.json")
NPUS = ("ethos-u55-128", "ethos-u65-512", "ethos-u85-512")
CALIBRATION, VERIFICATION = 40, 20
TITLES = {"keras": "Keras 3", "torch": "PyTorch", "keras2": "Keras 2"}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command")
    measuring = commands.add_parser("measure")
    measuring.add_argument("names", nargs="*")
    measuring.add_argument("--data", type=Path, required=True)
    measuring.add_argument("--trained", type=Path)
    options = parser.parse_args(argv)
    if options.command:
        for stranger in strangers():
            if not options.names or stranger.name in options.names:
                _keep(stranger, measured(stranger, options.data, options.trained))
    document = DOCUMENT.read_text(encoding="utf-8")
    table = as_table(json.loads(FIGURES.read_text(encoding="utf-8")))
    write_whole(DOCUMENT, with_table(document, "networks", table, by=BY).encode())


BY = "python -m tests.networks.table"


def measured(stranger: Stranger, data: Path, trained: Path | None) -> dict[str, Any]:
    """The figures of a network: with the weights that were trained, where there are some."""
    if trained is not None and (trained / f"{stranger.name}.json").is_file():
        model, figures = measure_trained(stranger, data, trained)
        return {**figures, "cpu_operators": cpu_operators(model)}
    images = ImageSplit(
        tuple(_spread(photos("nyuv2", data / "nyuv2", "train"), CALIBRATION)),
        tuple(_spread(photos("nyuv2", data / "nyuv2", "val"), VERIFICATION)),
        seed=0,
    )
    pixels = read_photos(images.verification, stranger.size)
    facts: dict[str, Any] = {"size": stranger.size, "width": stranger.width}
    with tempfile.TemporaryDirectory() as folder:
        source = source_network(stranger, pixels, Path(folder))
        file = next(iter(source.files.values()))
        try:
            made = converted(stranger, file, images)
        except ConversionError as error:
            return {**facts, "refused": str(error)}
        found = difference(source.depth_m, int8_depth(made.model, pixels))
    return {**facts, **asdict(found), "cpu_operators": cpu_operators(made.model)}


def _spread(paths: Sequence[Path], count: int) -> Sequence[Path]:
    return paths[:: max(1, len(paths) // count)][:count]


def cpu_operators(model: bytes) -> dict[str, int]:
    """How many operators Vela leaves to the processor, for each kind of NPU."""
    placed = {name: compile_for_target(model, name, TARGETS[name]).placement for name in NPUS}
    return {name: len(placement.at("cpu")) for name, placement in placed.items()}


def _keep(stranger: Stranger, figures: Mapping[str, Any]) -> None:
    known = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    known[stranger.name] = figures
    order = [each.name for each in strangers() if each.name in known]
    text = json.dumps({name: known[name] for name in order}, indent=1) + "\n"
    write_whole(FIGURES, text.encode())


def as_table(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """The table in Markdown, in the order of `strangers()`."""
    head = ("after", "framework", "depth", "input", "INT8 - FP32, median / 95 %", "on the CPU")
    rows = [
        (each.after, TITLES[each.framework], f"`{each.head}`", *_cells(figures[each.name]))
        for each in strangers()
        if each.name in figures
    ]
    return markdown(head, rows)


def _cells(row: Mapping[str, Any]) -> tuple[str, str, str]:
    height, width = row["size"]
    size = f"{width}x{height}"
    if "refused" in row:
        return size, f"refused: {row['refused']}", "-"
    trained = f", trained, abs_rel {row['fp32']:.4f} / {row['int8']:.4f}" if "fp32" in row else ""
    cpu = max(row["cpu_operators"].values())
    return size, f"{row['median_mm']:.0f} / {row['p95_mm']:.0f} mm{trained}", str(cpu)


if __name__ == "__main__":
    main()
