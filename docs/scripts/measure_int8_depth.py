"""INT8 depth of networks: `python -m docs.scripts.measure_int8_depth --data DIR [NAME ...]`.

DIR holds the data sets of the networks, each in a folder of its name. Each network of the zoo is
converted by TensorFlow Lite's own converter and by tfl-depth, with weights per channel and per
tensor, and measured beside FP32; so is each that `python -m tests.networks.train` wrote into the
folder of --trained. It writes docs/figures/int8_depth.json after each row and measures only what is
not there, or is of another checkpoint.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, get_args

from docs.scripts.int8_conversion import CALIBRATION_PHOTOS, int8_model
from docs.scripts.result_file import read_result, write_result
from docs.scripts.stock_ptq import stock_depth, stock_int8
from tfl_depth.converters.representative import read_calibration
from tfl_depth.data import DatasetName
from tfl_depth.encoding import Spans
from tfl_depth.runtime.fit import fit_photo
from tfl_depth.strategy.candidates import Candidate, users_depth
from tfl_depth.strategy.experiments import GRANULARITIES, TITLES, Granularity
from tfl_depth.strategy.measure import Measurements, Photos, Scores, measure, scores
from tfl_depth.strategy.study_input import Grid, StudyInput, open_study_input
from tfl_depth.strategy.study_network import StudyNetwork, import_for_study
from tfl_depth.tables import markdown, write_table
from tfl_depth.tools.lib import command_run
from tfl_depth.tools.lib.command_parser import make_parser

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "docs" / "figures" / "int8_depth.json"
PAGE = ROOT / "docs" / "int8-depth.md"
TARGET = "ethos-u65-512"

Converter = Literal["usual", "tfl-depth"]
Row = dict[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """A trained network.

    Attributes:
        name: of its rows.
        path: a .keras file, from pixels to meters.
        dataset, split: that it is measured on.
        zoo: whether it is one of the zoo.
    """

    name: str
    path: Path
    dataset: DatasetName
    split: str
    zoo: bool = True


def zoo_checkpoints() -> list[Checkpoint]:
    """The networks of the zoo."""
    return [_of_zoo(path) for path in sorted(ROOT.glob("zoo/*/model.keras"))]


def _of_zoo(path: Path) -> Checkpoint:
    measured = json.loads(path.with_name("metrics.json").read_text(encoding="utf-8"))
    return Checkpoint(path.parent.name, path, measured["dataset"], measured["split"])


def trained_strangers(folder: Path) -> list[Checkpoint]:
    """The networks that `python -m tests.networks.train` wrote into a folder."""
    return [_stranger(path) for path in sorted(folder.glob("*.json"))]


def _stranger(facts: Path) -> Checkpoint:
    dataset = json.loads(facts.read_text(encoding="utf-8"))["dataset"]
    return Checkpoint(facts.stem, facts.with_suffix(".keras"), dataset, "val", zoo=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the measurement; returns its exit status."""
    parser = make_parser("measure_int8_depth", "Measure INT8 depth.", str(__doc__))
    parser.add_argument("--data", required=True, type=Path, metavar="DIR")
    parser.add_argument(
        "--trained", type=Path, metavar="FOLDER", help="of networks that are not of the zoo"
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="of networks (all)")
    options = parser.parse_args(argv)
    return command_run.run(lambda: measure_all(options.data, options.trained, options.names))


def measure_all(data: Path, trained: Path | None, only: Sequence[str] = ()) -> None:
    """Measure the rows that are missing, and write the result file and the page.

    Args:
        data: folder of the data sets.
        trained: folder of networks that are not of the zoo.
        only: names of networks; none: all.
    """
    checkpoints = zoo_checkpoints()
    zoo = {checkpoint.name for checkpoint in checkpoints}
    if trained is not None:
        checkpoints += trained_strangers(trained)
    kept = read_rows() if FIGURES.exists() else []
    rows = {_key(row): row for row in kept if row["network"] in zoo or not row["zoo"]}
    for checkpoint in checkpoints:
        if only and checkpoint.name not in only:
            continue
        with TemporaryDirectory() as work:
            network = MeasuredNetwork(checkpoint, data, Path(work))
            for granularity in GRANULARITIES:
                for converter in get_args(Converter):
                    key = (network.name, granularity, converter)
                    if rows.get(key, {}).get("sha256") == network.sha256:
                        continue
                    rows[key] = network.row(granularity, converter)
                    print(*key, f"{rows[key]['abs_rel']:.4f}", file=sys.stderr, flush=True)
                    _write([rows[each] for each in sorted(rows)])
    write_document()


def _write(rows: Sequence[Row]) -> None:
    write_result(FIGURES, {"target": TARGET, "rows": rows})


def _key(row: Row) -> tuple[str, str, str]:
    return row["network"], row["weights"], row["converter"]


def read_rows() -> list[Row]:
    """The rows of the result file."""
    return list(read_result(FIGURES)["rows"])


class MeasuredNetwork:
    """A trained network, its images, and its depth in FP32."""

    def __init__(self, checkpoint: Checkpoint, data: Path, work: Path) -> None:
        """Take the names; nothing is read before it is needed.

        Args:
            checkpoint: the network.
            data: folder of the data sets.
            work: folder for the network as a float .tflite.
        """
        self.name = checkpoint.name
        self._zoo = checkpoint.zoo
        self._work = work
        self._input: StudyInput = open_study_input(
            checkpoint.path, checkpoint.dataset, data / checkpoint.dataset, checkpoint.split
        )
        self.sha256 = self._input.source_sha256

    def row(self, granularity: Granularity, converter: Converter) -> Row:
        """Convert and measure."""
        candidate = self._candidate(converter, per_channel=GRANULARITIES[granularity])
        found = measure(candidate, self._photos, self._float_scores, self._network.model)
        assert candidate.model is not None  # noqa: S101 - both converters write a file
        return {
            "network": self.name,
            "zoo": self._zoo,
            "sha256": self.sha256,
            "dataset": f"{self._input.dataset.name} {self._input.split}",
            "images": len(self._photos.samples),
            "max_depth_m": self._input.max_depth_m,
            "weights": granularity,
            "converter": converter,
            "bytes": len(candidate.model),
            **self._figures(found),
        }

    def _figures(self, found: Measurements) -> Row:
        float_abs_rel = [row["abs_rel"] for row in self._float_scores]
        return {
            "fp32_abs_rel": sum(float_abs_rel) / len(float_abs_rel),
            "abs_rel": found.metrics["abs_rel"],
            "change": asdict(found.change["abs_rel"]),
            "deviation": asdict(found.deviation),
            "npu_ms": found.npu[TARGET].milliseconds,
            "cpu_time_of_float32": found.time_of_float32,
        }

    def _candidate(self, converter: Converter, *, per_channel: bool) -> Candidate:
        if converter == "usual":
            model = stock_int8(self._input.source, self._calibration, per_channel=per_channel)
            depth = partial(stock_depth, model, self._input.max_depth_m)
            return Candidate(model, depth, self._reference)
        images = self._input.images(CALIBRATION_PHOTOS)
        model = int8_model(
            self._network.model, images, self._input.max_depth_m, per_channel=per_channel
        )
        return Candidate(model, partial(users_depth, model), self._reference)

    @cached_property
    def _network(self) -> StudyNetwork:
        return import_for_study(self._input, self._work)

    @cached_property
    def _calibration(self) -> list[Any]:
        return list(read_calibration(self._input.images(CALIBRATION_PHOTOS), self._network.size))

    @cached_property
    def _photos(self) -> Photos:
        samples = self._input.samples
        pixels = [fit_photo(sample.rgb, self._network.size) for sample in samples]
        spans = Spans.uniform(self._input.max_depth_m)
        return Photos(self._input.dataset, samples, pixels, spans)

    @cached_property
    def _reference(self) -> list[Grid]:
        return self._network.depth(self._photos.pixels)

    @cached_property
    def _float_scores(self) -> Scores:
        return scores(self._photos, self._reference)


def write_document() -> None:
    """Write the page's table from the result file."""
    write_table(PAGE, "int8-depth", table(read_rows()))


def table(rows: Sequence[Row]) -> str:
    """The page's table, of each network first the usual conversion, and which have rows to come."""
    head = ["network", "FP32", "weights", "INT8 by", "INT8", "change", "median", "95 %"]
    head += ["pixels off by half a span", "size", f"`{TARGET}`", "CPU time"]
    order = sorted(
        rows, key=lambda row: (not row["zoo"], *_key(row)[:2], row["converter"] == "tfl-depth")
    )
    missing = unfinished(rows)
    note = f"\nNot measured in every way yet: {', '.join(missing)}.\n" if missing else ""
    return markdown(head, [_cells(row) for row in order]) + note


def unfinished(rows: Sequence[Row]) -> list[str]:
    """The networks of the zoo that were not converted in every way."""
    ways = len(GRANULARITIES) * len(get_args(Converter))
    measured = [row["network"] for row in rows]
    names = [checkpoint.name for checkpoint in zoo_checkpoints()]
    return [_short(name) for name in names if measured.count(name) < ways]


def _short(network: str) -> str:
    """Its name without its size, `-192x256`."""
    return f"`{network.partition('-192x256')[0]}`"


def _cells(row: Row) -> list[str]:
    change, deviation = row["change"], row["deviation"]
    ours, milliseconds = row["converter"] == "tfl-depth", row["npu_ms"]
    return [
        _short(row["network"]),
        f"{row['fp32_abs_rel']:.4f}",
        TITLES[row["weights"]],
        f"**{row['converter']}**" if ours else row["converter"],
        f"{row['abs_rel']:.4f}",
        f"{change['relative']:+.1%} [{change['low']:+.1%}, {change['high']:+.1%}]",
        f"{deviation['median_mm']:.0f} mm, {deviation['median_share']:.1%}",
        f"{deviation['p95_mm']:.0f} mm, {deviation['p95_share']:.1%}",
        f"{deviation['wrap_share']:.2%}",
        f"{row['bytes'] / 1e6:.2f} MB",
        "-" if milliseconds is None else f"{milliseconds:.1f} ms",
        f"{row['cpu_time_of_float32']:.2f}",
    ]


if __name__ == "__main__":
    sys.exit(main())
