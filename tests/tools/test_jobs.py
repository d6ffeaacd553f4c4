"""--jobs: the same files and numbers as with one process (test_clusters.py kills processes)."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Generator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.strategy.small_study import write_study
from tests.support.many_photos import (
    TIMES,
    depth_files,
    evaluate_words,
    report_files,
    write_pairs,
    write_photos,
)
from tfl_depth.data import open_split
from tfl_depth.strategy import quant_study
from tfl_depth.strategy.experiments import EXPERIMENTS
from tfl_depth.strategy.quant_study import QuantStudy
from tfl_depth.strategy.results import StudyResults
from tfl_depth.strategy.row_units import row_units
from tfl_depth.strategy.study_input import StudyInput
from tfl_depth.tools import evaluate, infer
from tfl_depth.tools.lib import photo_blocks
from tfl_depth.tools.lib.evaluate_blocks import EvaluateBlock, image_scores
from tfl_depth.tools.lib.workers import BLOCK, open_workers

pytest.importorskip("joblib")

# More than a block.
PHOTOS = BLOCK + 3
TWO = Namespace(jobs=2, cluster=None)
# FP32, a file, and two simulated rows that share their weights.
ROWS = ("fp32", "split/per_channel", "wide/per_channel", "mixed/per_channel")


@pytest.fixture(scope="module")
def photos(photo: npt.NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("many") / "photos", photo, PHOTOS)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return write_pairs(tmp_path / "pairs", PHOTOS)


@pytest.fixture(scope="module")
def study_input(tmp_path_factory: pytest.TempPathFactory) -> StudyInput:
    return write_study(tmp_path_factory.mktemp("study"))


def test_infer_writes_the_same_files(net: Path, photos: Path, tmp_path: Path) -> None:
    for folder, more in (("alone", []), ("jobs", ["--jobs", "2"])):
        assert infer.main([str(net), str(photos), "--output", str(tmp_path / folder), *more]) == 0
    found = depth_files(tmp_path / "jobs")
    assert len(found) == 2 * PHOTOS
    assert found == depth_files(tmp_path / "alone")


def test_evaluate_writes_the_same_files_and_numbers(
    net: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bootstrap intervals, the edges, the bins and the pictures included."""
    printed = []
    for folder, more in (("alone", []), ("jobs", ["--jobs", "2"])):
        assert evaluate.main([*evaluate_words(net, pairs, tmp_path / folder), *more]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert report_files(tmp_path / "jobs") == report_files(tmp_path / "alone")


def test_evaluate_measures_only_what_has_changed(
    net: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = evaluate_words(net, pairs, tmp_path / "report")
    options = evaluate._parser().parse_args(words)

    def first_block(measured: list[str], changed: int = 0) -> list[str]:
        samples = open_split("nyuv2", pairs, "val")
        whole = EvaluateBlock(options, net, (), samples)

        def predict(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
            measured.append("one")
            return np.full(rgb.shape[:2], 2.0 + changed, np.float32)

        scores = image_scores(predict, whole, None)
        found = [str(next(scores)) for _ in range(BLOCK)]
        assert isinstance(scores, Generator)
        scores.close()
        return found

    first: list[str] = []
    second: list[str] = []
    before = first_block(first)
    assert (first_block(second, 1), len(first), second) == (before, BLOCK, [])
    cv2.imwrite(str(pairs / "depth" / "val0.png"), np.full((64, 96), 1234, np.uint16))
    assert first_block(second, 1) != before
    assert len(second) == BLOCK


def without_times(results: StudyResults) -> dict[str, Any]:
    found = asdict(results)
    for each in found["experiments"].values():
        each.pop(TIMES)
    return found


@pytest.mark.slow
def test_strategy_measures_the_same(
    study_input: StudyInput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = [each for each in EXPERIMENTS if each.id in ROWS]
    monkeypatch.setattr(
        quant_study, "EXPERIMENTS", tuple(replace(each, quick=True) for each in chosen)
    )
    alone = QuantStudy(study_input, tmp_path / "alone").run()
    assert list(alone.experiments) == [each.id for each in chosen]

    def in_others(*_: object) -> None:
        pytest.fail("It was measured in this process.")

    study = QuantStudy(study_input, tmp_path / "jobs")
    study.measure([])
    monkeypatch.setattr(quant_study, "measure", in_others)
    with open_workers(TWO) as workers:
        found = study.run(compute=workers)
    assert without_times(found) == without_times(alone)


def test_rows_that_share_weights_are_a_unit(study_input: StudyInput, tmp_path: Path) -> None:
    chosen = [each for each in EXPERIMENTS if each.id in ROWS[1:]]
    units = row_units(study_input, tmp_path, chosen)
    assert [each.experiments for each in units] == [
        ("wide/per_channel", "mixed/per_channel"),
        ("split/per_channel",),
    ]


def test_bad_photo_is_named(
    net: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for name in ("0000.png", "0001.png"):
        (few / name).write_bytes((photos / name).read_bytes())
    (few / "bad.png").write_bytes(b"no image")
    call = [str(net), str(few), "--output", str(tmp_path / "depth"), "--jobs", "2"]
    assert infer.main([*call, "--skip-bad"]) == 1
    said = capsys.readouterr().err
    assert "bad.png" in said and "Skipped 1 of 3 photos" in said
    assert len(depth_files(tmp_path / "depth")) == 4


def test_block_that_always_fails_is_an_error(
    net: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(photo_blocks, "infer_block", lambda _block: [][0])
    assert infer.main([str(net), str(photos), "--output", str(tmp_path), "--jobs", "1"]) == 1
    assert "3 attempts failed to compute: IndexError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--video", "v.mp4"], "measured by this process"),
        (["--dataset", "nyuv2", "--data", "x", "--board", "bench"], "one photo at a time"),
        (["--cluster", "http://head"], "expected ray://... or dask://..."),
    ],
)
def test_what_cannot_be_is_said(
    more: list[str], said: str, net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        evaluate.main([str(net), *more, "--jobs", "2"])
    assert said in capsys.readouterr().err
