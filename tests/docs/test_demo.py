"""`make demo`, and what it makes: the bundled checkpoint in INT8, and the depth of a photo."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from docs.scripts import demo, demo_truth
from docs.scripts.demo_truth import DemoFigures
from tests.support.length import in_full
from tests.support.vela import ETHOS, vela
from tfl_depth.example_photos import photograph_folder
from tfl_depth.runtime import DepthRunner


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    assert demo.main(["--output", str(folder), "--picture", str(folder / "small.png")]) == 0
    return folder


def test_the_depth_png_holds_what_the_runner_returns(made: Path) -> None:
    written = cv2.imread(str(made / "photo_depth.png"), cv2.IMREAD_UNCHANGED)
    photo = photograph_folder() / demo.PHOTO
    with DepthRunner(made / "model.tflite") as runner:
        expected = runner.infer(photo)
    assert written is not None
    assert written.dtype == np.uint16
    assert np.array_equal(written, expected)


def test_the_truth_is_middleburys() -> None:
    truth = demo_truth.true_depth_m()
    known = truth > 0
    # Of the published range of disparities at this size, and most pixels.
    assert 2.0 < truth[known].min() < 2.2 and 4.9 < truth.max() < 5.2
    assert known.mean() > 0.9
    assert demo_truth.abs_rel(1.1 * truth, truth) == pytest.approx(0.1)


def test_the_demo_says_how_far_it_is_from_the_truth(made: Path) -> None:
    figures = DemoFigures(**json.loads(demo_truth.FIGURES.read_text()))
    depth_mm = cv2.imread(str(made / "photo_depth.png"), cv2.IMREAD_UNCHANGED)
    corrected_mm = cv2.imread(str(made / "photo_corrected_depth.png"), cv2.IMREAD_UNCHANGED)
    assert depth_mm is not None and corrected_mm is not None
    truth = demo_truth.true_depth_m()
    assert figures.focal_ratio == pytest.approx(994.978 * 256 / 741 / 207.6, abs=0.02)
    ratio = corrected_mm / np.maximum(depth_mm, 1)
    assert np.median(ratio) == pytest.approx(figures.focal_ratio, abs=0.002)
    # But for the kernels of another processor.
    for depth, expected in (
        (depth_mm, figures.abs_rel),
        (corrected_mm, figures.corrected_abs_rel),
    ):
        assert demo_truth.abs_rel(depth / 1000, truth) == pytest.approx(expected["INT8"], abs=0.01)
        assert expected["FP32"] == pytest.approx(expected["INT8"], abs=0.02)
    assert "bad on this photo" in demo_truth.said(figures)
    assert "does not follow" in demo_truth.said(figures)


def test_the_document_has_the_figures() -> None:
    figures = DemoFigures(**json.loads(demo_truth.FIGURES.read_text()))
    assert demo_truth.table(figures) in demo_truth.DOCUMENT.read_text()


def test_the_depth_has_the_photos_size_and_lies_in_the_range(made: Path) -> None:
    depth_mm = cv2.imread(str(made / "photo_depth.png"), cv2.IMREAD_UNCHANGED)
    photo = cv2.imread(str(photograph_folder() / demo.PHOTO))
    assert depth_mm is not None and photo is not None
    assert depth_mm.shape == photo.shape[:2]
    assert 500 < depth_mm.min() < depth_mm.max() < 10_000


def test_the_network_sees_that_the_floor_in_front_is_nearer_than_the_wall(made: Path) -> None:
    depth_mm = cv2.imread(str(made / "photo_depth.png"), cv2.IMREAD_UNCHANGED)
    assert depth_mm is not None
    floor, wall = depth_mm[-50:, 100:-100], depth_mm[20:100, 450:650]
    assert 1.3 * np.median(floor) < np.median(wall)


def test_it_needs_neither_tensorflow_nor_keras() -> None:
    code = "import sys, docs.scripts.demo; print({'tensorflow', 'keras'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=demo.ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
    pinned = (demo.ROOT / "requirements" / "demo.txt").read_text()
    assert "ai-edge-litert" in pinned and "keras==" not in pinned and "tensorflow" not in pinned


def test_int8_stays_near_the_float_network_on_photos_that_did_not_calibrate(made: Path) -> None:
    with DepthRunner(made / "model.tflite") as runner:
        measured, calibration = runner.contract.verification, runner.contract.calibration
    assert calibration is not None and calibration.images >= 20
    assert measured["images"] == 16
    assert 0 < measured["median_mm"] < 60
    assert measured["wrap_share"] < 0.001


@pytest.mark.parametrize("name", ["photo_color.png", "side_by_side.png"])
def test_the_pictures_can_be_opened(made: Path, name: str) -> None:
    picture = cv2.imread(str(made / name))
    assert picture is not None
    assert picture.std() > 20


def test_the_picture_in_the_readme_is_what_it_makes(made: Path) -> None:
    """But for the kernels of another processor."""
    shown = cv2.imread(str(demo.ROOT / "docs" / "images" / "demo.png"))
    small = cv2.imread(str(made / "small.png"))
    assert shown is not None and small is not None
    assert shown.shape == small.shape
    assert np.abs(shown.astype(int) - small).mean() < 2


# The zoo's tests compile a smaller network for each.
@pytest.mark.parametrize(
    "accelerator",
    [pytest.param(name, marks=[] if name == "ethos-u65-512" else [in_full]) for name in ETHOS],
)
def test_vela_leaves_no_operator_of_it_on_the_cpu(
    made: Path, tmp_path: Path, accelerator: str
) -> None:
    assert "CPU operators = 0 (0.0%)" in vela(made / "model.tflite", accelerator, tmp_path)
