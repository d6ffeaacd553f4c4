"""The heavier tools, killed or out of space: each file is the old one or the new one, whole."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from docs.scripts import figures, zoo_chart
from tests.support.faults import Fault, outcomes
from tests.support.length import length
from tests.support.small_net import run_convert, write_examples
from tests.support.synthetic_data import write_dataset
from tfl_depth.converters import Conversion
from tfl_depth.evaluation.metrics import METRICS
from tfl_depth.files import whole_file
from tfl_depth.format.contract import read_contract
from tfl_depth.tools import evaluate, placement
from tfl_depth.tools.lib import command_run
from tfl_depth.training.journal import Journal

MOMENTS = length(4, 12)
OLD = b"of an earlier time"
OUTPUTS = (
    "placement.png",
    "report/images.csv",
    "report/best1-val0.png",
    "report/reliability.png",
    "README.md",
    "zoo.md",
    "zoo.png",
    "made.tflite",
    "made.json",
    "run/best.keras",
    "run/log.csv",
    "run/curves.png",
)


def place(folder: Path) -> int:
    arguments = ["model.tflite", "--target", "coral", "--picture", "placement.png"]
    return placement.main([str(folder / word) if "." in word else word for word in arguments])


def measure(folder: Path) -> int:
    options = ["--dataset", "nyuv2", "--data", str(folder / "data"), "--pictures", "1"]
    output = ["--output", str(folder / "report")]
    return evaluate.main([str(folder / "model.tflite"), *options, *output])


def write_figures(folder: Path) -> int:
    figures.README, figures.ZOO_README = folder / "README.md", folder / "zoo.md"
    zoo_chart.PICTURE = folder / "zoo.png"
    # Drawing takes most of the time. The charts of studies would be written into the checkout.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zoo_chart, "zoo_picture", lambda *_: b"of now")
        patch.setattr(figures, "write_charts", lambda *_: None)
        return figures.main([])


def finish_conversion(folder: Path) -> int:
    content = (folder / "model.tflite").read_bytes()
    conversion = Conversion(content, read_contract(content))
    output = folder / "made.tflite"

    def save() -> None:
        conversion.save(output, overwrite=True)

    return command_run.run(save)


def finish_epoch(folder: Path) -> int:
    """What tfl_depth.training writes after an epoch."""

    def write() -> None:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
        with whole_file(folder / "run" / "best.keras") as partial:
            model.save(partial)
        journal = Journal(folder / "run", 0)
        names = ("loss", *(f"val_{name}" for name in METRICS))
        journal.add(0, dict.fromkeys(names, 0.5))
        journal.close()

    return command_run.run(write)


TOOLS: tuple[Callable[[Path], int], ...] = (
    place,
    measure,
    write_figures,
    finish_conversion,
    finish_epoch,
)


def run_all(arguments: list[str]) -> int:
    """How many of the tools failed; each is tried."""
    return sum(tool(Path(arguments[0])) for tool in TOOLS)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with inputs, and with files of an earlier time where the outputs will be."""
    work, folder = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("before")
    examples = write_examples(work)
    assert run_convert(examples, folder, "--int8", "--max-depth", "10") == 0
    write_dataset(folder / "data", {"val": 1})
    for name in OUTPUTS:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(OLD)
    for source, name in ((figures.README, "README.md"), (figures.ZOO_README, "zoo.md")):
        text = source.read_text(encoding="utf-8")
        (folder / name).write_text(text.replace("| abs_rel |", "| of an earlier time |"))
    return folder


def same(content: bytes, *allowed: bytes) -> bool:
    """Whether it is one of these; or a whole .keras file, whose weights are random."""
    if content.startswith(b"PK"):
        return zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    return content in allowed


@pytest.mark.slow
def test_tools_that_are_killed_or_out_of_space_leave_whole_files(
    before: Path, tmp_path: Path
) -> None:
    function = f"{__name__}:run_all"
    random = np.random.default_rng(13)
    kills = [
        *(Fault(kill_at_share=float(share)) for share in random.random(MOMENTS)),
        *(Fault(kill_at_byte=int(size)) for size in random.integers(0, 3000, MOMENTS // 2)),
    ]
    faults = [Fault(), *kills, Fault(full_at_byte=40)]
    # In one process, which takes ten seconds to load what it forks with.
    good, *killed, full = outcomes(function, ["FOLDER"], before, tmp_path / "work", faults)
    assert good.status == 0, good.error
    old = {name: (before / name).read_bytes() for name in OUTPUTS}
    new = {name: good.files[name] for name in OUTPUTS}
    assert all(old[name] != new[name] for name in OUTPUTS)
    for fault, outcome in zip(kills, killed, strict=True):
        assert outcome.status < 0, fault
        for name in OUTPUTS:
            assert same(outcome.files[name], old[name], new[name]), (fault, name)
    assert full.status == len(TOOLS)
    errors = [line for line in full.error.splitlines() if line.startswith("error: Cannot write")]
    assert len(errors) == len(TOOLS)
    assert full.all_files == {
        str(path.relative_to(before)): path.read_bytes()
        for path in before.rglob("*")
        if path.is_file()
    }
