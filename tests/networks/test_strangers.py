"""Networks from elsewhere: each is converted, run as its users do, and compared with its source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
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
from tests.support.length import in_full, length
from tests.support.photos import write_photos
from tfl_depth.converters import split_images
from tfl_depth.converters.importers import environments
from tfl_depth.errors import ConversionError

# Shares of the spread of depth. Random weights are harder to round than trained ones, and enlarge
# what rounding adds; a wrong conversion is off by a quarter of the spread in the median.
MEDIAN_SHARE, P95_SHARE = 0.08, 0.45
# What a refusal recommends, and the same as an option of `convert`.
WAYS_OUT: dict[str, dict[str, Any]] = {
    "--head single": {"head": "single"},
    "--float32": {"precision": "float32"},
}
# `make test` converts a network for each kind of head; these have heads and operators of the same
# kinds, which tests/converters has small graphs of.
FURTHER = (
    *("bts", "bts_planes", "densedepth", "midas", "guidedepth", "mobilevit", "dpt"),
    *("mobilenet_v3", "efficientnet_b0", "convnext", "yolo", "packnet", "resnet50"),
    *("fastdepth", "unet", "shared"),
)
ALSO_ONNX = ("torch_monodepth2", "torch_fastdepth", "torch_mobilevit", "torch_dpt")


# `make test` takes half of the channels: the recipe's time grows with their third power.
NARROWER = length(2, 1)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_photos(tmp_path_factory.mktemp("strangers") / "photos")


def named(strangers: Iterable[Stranger], *, refused: bool = False) -> list[Any]:
    chosen = (narrower(each) for each in strangers if (each.refused is not None) == refused)
    return [
        pytest.param(each, id=each.name, marks=[in_full] if each.name in FURTHER else [])
        for each in chosen
    ]


def narrower(stranger: Stranger) -> Stranger:
    """The networks of other frameworks are built by their names."""
    share = NARROWER if stranger.framework == "keras" else 1
    return replace(stranger, width=stranger.width / share)


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
def test_a_refusal_names_the_way_out(
    stranger: Stranger, photos: list[Path], tmp_path: Path
) -> None:
    pixels, images = read_photos(photos, stranger.size), split_images(photos)
    source = source_network(stranger, pixels, tmp_path)
    with pytest.raises(ConversionError, match=stranger.refused) as refusal:
        converted(stranger, source.files["keras"], images)
    way_out = next(option for option in WAYS_OUT if option in str(refusal.value))
    made = converted(stranger, source.files["keras"], images, **WAYS_OUT[way_out])
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
