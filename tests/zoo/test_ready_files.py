"""The files of the zoo that are ready to use: float with half weights, and INT8 made from it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.length import in_full
from tests.support.real_data import real_data
from tfl_depth.converters.golden_vectors import KEPT_BITS, MIDDLE
from tfl_depth.converters.representative import read_pixels
from tfl_depth.data import DATASETS, load_split
from tfl_depth.evaluation.evaluate import evaluate, runner_predictor
from tfl_depth.evaluation.metrics import mean_over_images
from tfl_depth.example_photos import photograph_folder
from tfl_depth.format.contract import read_contract
from tfl_depth.format.golden import read_golden
from tfl_depth.runtime import DepthRunner
from tfl_depth.zoo_folder import FLOAT, INT8, ZooEntry, zoo_entry

READY = ("lite0-nyu", "pico-nyu")
# As CONTRIBUTING.md names them.
GOLDEN = (
    *("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "motorcycle_left.png"),
    "rocket.jpg",
)


@pytest.fixture(params=READY)
def entry(request: pytest.FixtureRequest) -> ZooEntry:
    return zoo_entry(request.param)


def test_the_int8_file_is_right_and_near_the_network(entry: ZooEntry) -> None:
    with DepthRunner(entry.folder / INT8) as runner:
        contract = runner.contract
        assert runner.prove().verdict == "right"
    assert contract.calibration is not None and contract.calibration.images == 100
    assert contract.verification["images"] == 16 and contract.verification["median_mm"] < 20
    assert contract.source is not None and contract.source.format == "tflite"
    assert contract.max_depth_m == 10 and contract.camera is not None


def test_the_golden_vectors_hold_photographs_that_anyone_may_have(entry: ZooEntry) -> None:
    content = (entry.folder / INT8).read_bytes()
    contract = read_contract(content)
    golden = read_golden(content, contract)
    size = (contract.height, contract.width)
    free = [read_pixels(photograph_folder() / name, size, contract.fit) for name in GOLDEN]
    assert len(golden.rgb) == 2
    for rgb in golden.rgb:
        assert any(np.array_equal(rgb, each & KEPT_BITS | MIDDLE) for each in free)


def test_the_float_file_has_half_weights(entry: ZooEntry) -> None:
    parameters = entry.metrics["parameters"]
    # Without those that a convolution takes in, as of batch normalization.
    assert 1.9 * parameters < (entry.folder / FLOAT).stat().st_size < 2.6 * parameters


@in_full
def test_int8_is_as_accurate_as_the_network_on_real_photos() -> None:
    """As metrics.json says of the network. Some of the photos have calibrated it."""
    entry = zoo_entry("pico-nyu")
    samples = load_split("nyuv2", real_data("nyuv2"), "val")
    with DepthRunner(entry.folder / INT8) as runner:
        rows = evaluate(runner_predictor(runner), samples, DATASETS["nyuv2"])
    abs_rel = mean_over_images(rows)["abs_rel"]
    assert abs_rel == pytest.approx(entry.metrics["metrics"]["abs_rel"], rel=0.02)
