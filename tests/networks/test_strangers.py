"""Networks from elsewhere: each is converted, run as its users do, and compared with its source."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.converters.importers.frameworks import framework_python
from tests.networks.keras2_strangers import KERAS2
from tests.networks.keras_strangers import KERAS
from tests.networks.measure import converted, difference, int8_depth, read_photos
from tests.networks.sources import source_network
from tests.networks.stranger import Stranger
from tests.networks.torch_strangers import TORCH
from tests.support.photos import write_photos
from tfl_depth.converters import split_images
from tfl_depth.converters.importers import environments
from tfl_depth.errors import ConversionError

# Minutes, and random weights are not all tame yet: make strangers-test.
pytestmark = pytest.mark.skipif(
    not os.environ.get("TFL_DEPTH_STRANGERS"), reason="make strangers-test converts the strangers"
)
# Shares of the spread of depth. Random weights are harder to round than trained ones, and enlarge
# what rounding adds; a wrong conversion is off by a quarter of the spread in the median.
MEDIAN_SHARE, P95_SHARE = 0.1, 0.4
ALSO_ONNX = ("torch_monodepth2", "torch_fastdepth", "torch_mobilevit", "torch_dpt")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_photos(tmp_path_factory.mktemp("strangers") / "photos")


def named(strangers: Iterable[Stranger], *, refused: bool = False) -> list[Any]:
    chosen = (each for each in strangers if (each.refused is not None) == refused)
    return [pytest.param(stranger, id=stranger.name) for stranger in chosen]


def agrees(stranger: Stranger, photos: list[Path], folder: Path, *formats: str) -> None:
    """Convert its files and compare them with what its framework gave."""
    pixels = read_photos(photos, stranger.size)
    source = source_network(stranger, pixels, folder)
    for kind in formats:
        made = converted(stranger, source.files[kind], split_images(photos))
        found = difference(source.depth_m, int8_depth(made.model, pixels))
        assert found.median_mm < 1000 * MEDIAN_SHARE * found.spread_m
        assert found.p95_mm < 1000 * P95_SHARE * found.spread_m


@pytest.mark.parametrize("stranger", named(KERAS))
def test_keras(stranger: Stranger, photos: list[Path], tmp_path: Path) -> None:
    agrees(stranger, photos, tmp_path, "keras")


@pytest.mark.parametrize("stranger", named(KERAS, refused=True))
def test_no_depth_of_one_operator(stranger: Stranger, photos: list[Path], tmp_path: Path) -> None:
    pixels = read_photos(photos, stranger.size)
    source = source_network(stranger, pixels, tmp_path)
    with pytest.raises(ConversionError, match=stranger.refused):
        converted(stranger, source.files["keras"], split_images(photos))
    made = converted(stranger, source.files["keras"], split_images(photos), head="single")
    found = difference(source.depth_m, int8_depth(made.model, pixels))
    assert found.median_mm < 1000 * MEDIAN_SHARE * stranger.max_depth_m


@pytest.mark.frameworks
@pytest.mark.parametrize("stranger", named(TORCH))
def test_torch(stranger: Stranger, photos: list[Path], tmp_path: Path) -> None:
    framework_python(environments.TORCH)
    agrees(stranger, photos, tmp_path, "pt2")


@pytest.mark.frameworks
@pytest.mark.parametrize("stranger", named(each for each in TORCH if each.name in ALSO_ONNX))
def test_onnx(stranger: Stranger, photos: list[Path], tmp_path: Path) -> None:
    framework_python(environments.TORCH)
    framework_python(environments.ONNX)
    agrees(stranger, photos, tmp_path, "onnx")


@pytest.mark.frameworks
@pytest.mark.parametrize("stranger", named(KERAS2))
def test_keras2(stranger: Stranger, photos: list[Path], tmp_path: Path) -> None:
    framework_python(environments.KERAS2)
    agrees(stranger, photos, tmp_path, "h5", "saved_model")
