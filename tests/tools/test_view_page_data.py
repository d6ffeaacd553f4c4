"""What `tfl-depth view` computes and packs: comparison with a Keras model, differences, sizes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.support.photos import write_photos
from tests.support.small_net import seeded, small_net
from tests.support.view_server import INT8, some_photo, unpacked
from tfl_depth.evaluation.evaluate import keras_predictor
from tfl_depth.runtime import DepthRunner
from tfl_depth.tools.viewer.page_data import (
    SHOWN_SIDE,
    Pictures,
    difference,
    open_reference,
    pack,
)


@pytest.fixture(scope="module")
def runner() -> Iterator[DepthRunner]:
    with DepthRunner(INT8) as runner:
        yield runner


def test_a_keras_model_is_compared_with(runner: DepthRunner, tmp_path: Path) -> None:
    model = seeded(small_net(), write_photos(tmp_path / "photos"))
    model.save(tmp_path / "small.keras")
    photos = [some_photo(seed) for seed in range(4)]
    predict = keras_predictor(model, runner.fit)
    keras_file = tmp_path / "small.keras"
    with open_reference(keras_file, runner) as reference, ThreadPoolExecutor(4) as pool:
        pictures = Pictures(runner, reference)
        packed = list(pool.map(pictures.of_photo, photos))
    for bgr, content in zip(photos, packed, strict=True):
        expected_mm = 1000 * predict(np.ascontiguousarray(bgr[..., ::-1]))
        shown = unpacked(content).maps[1]
        assert shown.dtype == np.uint16
        assert np.abs(shown.astype(float) - np.maximum(expected_mm, 0)).max() <= 0.6


def test_differences_count_where_both_have_depth() -> None:
    one = np.array([[0, 1000, 2000, 3000]], np.uint16)
    other = np.array([[500, 0, 2004, 2990]], np.uint32)
    assert difference(one, other) == {
        "median_mm": 7.0,
        "mean_mm": 7.0,
        "p95_mm": pytest.approx(9.7),
        "max_mm": 10,
    }
    assert difference(one, np.zeros_like(other)) is None


def test_a_reference_beyond_the_range_is_shown_at_its_end(runner: DepthRunner) -> None:
    def far(bgr: np.ndarray) -> np.ndarray:
        return np.full(bgr.shape[:2], 80_000, np.uint32)

    picture = unpacked(Pictures(runner, far).of_photo(some_photo()))
    assert (picture.maps[1] == 65_535).all()
    assert picture.facts["difference"]["median_mm"] > 69_000


def test_a_large_photo_is_shown_smaller_and_its_depth_is_not(runner: DepthRunner) -> None:
    bgr = np.zeros((900, 3200, 3), np.uint8)
    picture = unpacked(Pictures(runner).of_photo(bgr))
    assert picture.photo.shape == (450, SHOWN_SIDE, 3)
    assert picture.maps[0].shape == (900, 3200)


def test_an_answer_without_a_picture_is_its_facts_alone() -> None:
    assert unpacked(pack({"ended": False}, [])).facts == {"ended": False, "parts": []}
