"""`make benchmark`: measure the bundled network's speed, and write docs/benchmark.md's tables.

The network is converted for each size, calibrated with photographs of the scikit-image package:
what it sees does not change how long it takes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from docs.scripts.demo import CHECKPOINT, ROOT, listed_photographs
from docs.scripts.result_file import read_result, write_result
from tfl_depth.errors import ConversionError
from tfl_depth.files import write_whole
from tfl_depth.tables import markdown, with_table
from tfl_depth.tools import benchmark, convert
from tfl_depth.tools.lib import command_run
from tfl_depth.tools.lib.command_parser import make_parser

SIZES = ("192x256", "384x640")
RESULTS = ROOT / "docs" / "figures" / "benchmark.json"
DOCUMENT = ROOT / "docs" / "benchmark.md"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = make_parser(
        "speed",
        "Measure the bundled network with tfl-depth benchmark at two sizes, and write the tables\n"
        "of docs/benchmark.md. Nothing else should run meanwhile.",
        "make benchmark",
    )
    parser.add_argument("--rounds", type=int, default=50, metavar="K", help="of each size (50)")
    parser.add_argument("--threads", type=int, default=1, metavar="K", help="for the network (1)")
    options = parser.parse_args(argv)
    return command_run.run(lambda: _speed(options.rounds, options.threads))


def _speed(rounds: int, threads: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        models = {size: _converted(size, Path(folder)) for size in SIZES}
        results = [
            benchmark.measure(int8, float32, threads, rounds) for int8, float32 in models.values()
        ]
    write_result(RESULTS, results)
    write_document()
    print(f"written: {RESULTS.relative_to(ROOT)}")


def _converted(size: str, folder: Path) -> tuple[Path, Path]:
    """The bundled network in int8 and in float32."""
    listing = folder / "calibration.txt"
    listing.write_text(listed_photographs())
    files = []
    for precision in ("int8", "float32"):
        output = folder / f"{CHECKPOINT.parent.name}-{size}-{precision}.tflite"
        arguments = [str(CHECKPOINT), f"--{precision}", "--representative", str(listing)]
        arguments += ["--max-depth", "10", "--size", size, "--output", str(output)]
        if precision == "int8":
            arguments += ["--recipe", "minmax"]
        if convert.main(arguments):
            raise ConversionError("The conversion failed: see the error above.")
        files.append(output)
    return files[0], files[1]


def write_document() -> None:
    """Write the tables of docs/benchmark.md from the result file."""
    write_whole(DOCUMENT, with_tables(DOCUMENT.read_text(encoding="utf-8")).encode())


def with_tables(document: str) -> str:
    """docs/benchmark.md with its tables made from the result file."""
    results = read_result(RESULTS)
    head = [each["input"] for each in results]
    medians = [{k: v["median"] for k, v in each["times_ms"].items()} for each in results]
    tables = {
        "ratios": _columns(["ratio", *head], [each["ratios"] for each in results], "{:.2f}"),
        "times": _columns(["milliseconds, median", *head], medians, "{:.3f}"),
        "differences": _columns(
            ["milliseconds added", *head],
            [each["differences_ms"] for each in results],
            "{:.2f}",
        ),
        "start": _columns(
            ["a fresh process", *head], [each["start"] for each in results], "{:.0f}"
        ),
    }
    for name, table in tables.items():
        document = with_table(document, name, table)
    return document


def _columns(head: Sequence[str], columns: Sequence[dict[str, float]], style: str) -> str:
    """A table of a column for each result, which all have the same names."""
    rows = [[name, *(style.format(column[name]) for column in columns)] for name in columns[0]]
    return markdown(head, rows)


if __name__ == "__main__":
    sys.exit(main())
