"""The rate of `infer --jobs`: `python -m docs.scripts.measure_rates --data DIR`.

DIR is a folder of photos. The script computes some of them with one and with two processes, and
writes docs/figures/rates.json. It measures processor time, which other programs change little. The
time of a short run is subtracted, because a run of a million photos starts only once.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import sys
import tempfile
import tracemalloc
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from docs.scripts.result_file import read_result, write_result
from tfl_depth.listing import files_below
from tfl_depth.runtime.preprocess import read_image
from tfl_depth.tables import markdown, write_table
from tfl_depth.tools import infer
from tfl_depth.tools.lib import command_run
from tfl_depth.tools.lib.command_parser import make_parser
from tfl_depth.tools.lib.finished import RECORD, Finished
from tfl_depth.tools.lib.workers import BLOCK

ROOT = Path(__file__).resolve().parents[2]
MODELS = ("lite0-nyu", "pico-nyu")
FIGURES = ROOT / "docs" / "figures" / "rates.json"
PAGE = ROOT / "docs" / "many-photos.md"
# Numbers of processes, and how many blocks each computes in the short and in the long run.
JOBS, SHORT, LONG = (1, 2), 1, 4
MILLION = 1_000_000
# Numbers of workers in the table.
WORKERS = (1, 2, 8, 32)


@dataclass(frozen=True)
class Spent:
    """Processor time in seconds.

    Attributes:
        workers_s: of the workers; 0 for one job, which the command computes itself.
        command_s: of the command, which notes what is finished.
    """

    workers_s: float
    command_s: float


def main(argv: Sequence[str] | None = None) -> int:
    """Run the measurement; returns its exit status."""
    parser = make_parser("measure_rates", "Measure the rate of infer --jobs.", str(__doc__))
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="photos")
    options = parser.parse_args(argv)
    return command_run.run(lambda: _measure(options.data))


def _measure(data: Path) -> None:
    photos = files_below(data)[: LONG * BLOCK * max(JOBS)]
    height, width = read_image(photos[0]).shape[:2]
    document = {
        "photos": len(photos),
        "size": f"{width}x{height}",
        "load": os.getloadavg()[0] / (os.cpu_count() or 1),
        "bytes_read": sum(photo.stat().st_size for photo in photos) / len(photos),
        "rows": [_row(name, photos) for name in MODELS],
    }
    write_result(FIGURES, document)
    write_document()
    print(table())


def _row(name: str, photos: Sequence[Path]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        spent = {str(jobs): asdict(_of_a_photo(name, photos, jobs, Path(folder))) for jobs in JOBS}
        longest = Path(folder) / f"{max(JOBS)} {LONG}"
        outputs = [path for path in longest.iterdir() if path.name != RECORD]
        return {
            "network": name,
            "spent": spent,
            "bytes_written": sum(path.stat().st_size for path in outputs) / len(photos),
            "bytes_of_notes": _memory_of_notes(longest) / len(photos),
        }


def _of_a_photo(name: str, photos: Sequence[Path], jobs: int, folder: Path) -> Spent:
    """The time of a photo in a long run, without the start."""
    short, long = (
        _spent(name, photos[: blocks * BLOCK * jobs], jobs, folder / f"{jobs} {blocks}")
        for blocks in (SHORT, LONG)
    )
    more = (LONG - SHORT) * BLOCK * jobs
    return Spent(
        (long.workers_s - short.workers_s) / more, (long.command_s - short.command_s) / more
    )


def _spent(name: str, photos: Sequence[Path], jobs: int, output: Path) -> Spent:
    """Run the command in this process. Its workers are child processes."""
    from joblib.externals.loky import get_reusable_executor

    before = _processor_times()
    words = [name, *map(str, photos), "--output", str(output), "--jobs", str(jobs)]
    with contextlib.redirect_stdout(io.StringIO()):
        status = infer.main(words)
    if status:
        raise SystemExit(status)
    get_reusable_executor().shutdown(wait=True)  # only then their times are known
    command_s, workers_s = (b - a for a, b in zip(before, _processor_times(), strict=True))
    return Spent(workers_s, command_s)


def _processor_times() -> tuple[float, float]:
    """Seconds of this process, and of its child processes that have ended."""
    found = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    own_s, children_s = (each.ru_utime + each.ru_stime for each in found)
    return own_s, children_s


def _memory_of_notes(output: Path) -> int:
    """Bytes of memory of what a command knows about the finished photos of a folder."""
    tracemalloc.start()
    notes = Finished(output, {})
    held, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    notes.close()
    return held


def write_document() -> None:
    """Write the page's table from the result file."""
    write_table(PAGE, "rates", table())


def table() -> str:
    """The page's table, from the result file."""
    document = read_result(FIGURES)
    rows = document["rows"]
    hours = [f"{count} worker{'s' * (count > 1)}" for count in WORKERS]
    head = ("network", "photos a second with a worker", *hours, "disk", "memory", "most workers")
    costs = " and ".join(f"{_cost_of_two(row):.2f}" for row in rows)
    kilobytes = document["bytes_read"] / 1000
    return markdown(head, [_cells(row) for row in rows]) + (
        f"\n{document['photos']} photos of {document['size']}, {kilobytes:.0f} KB each. With two "
        f"processes a photo took {costs} times the processor time of one, while "
        f"{document['load']:.0f} programs shared a core.\n"
    )


def _cells(row: Mapping[str, Any]) -> list[str]:
    spent = row["spent"][str(max(JOBS))]
    worker_s, command_s = spent["workers_s"], spent["command_s"]
    return [
        f"`{row['network']}`",
        f"{1 / worker_s:.1f}",
        *(f"{MILLION * worker_s / count / 3600:.1f} h" for count in WORKERS),
        f"{MILLION * row['bytes_written'] / 1e9:.0f} GB",
        f"{MILLION * row['bytes_of_notes'] / 1e9:.1f} GB",
        f"{worker_s / command_s:.0f}",
    ]


def _cost_of_two(row: Mapping[str, Any]) -> float:
    one, two = (sum(row["spent"][str(jobs)].values()) for jobs in JOBS)
    return float(two / one)


if __name__ == "__main__":
    sys.exit(main())
