"""Depth as a picture: near is bright, no depth is gray, the legend is below."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tfl_depth.runtime import ClipColors, DepthError
from tfl_depth.runtime.colorize import (
    COLORMAPS,
    NO_DEPTH_BGR,
    Colormap,
    colorize,
    depth_limits,
    depth_percentiles,
    gradient,
    no_depth_bgr,
)


def test_nearer_is_brighter() -> None:
    depth_mm = np.linspace(1000, 5000, 200, dtype=np.uint16)[None].repeat(40, axis=0)
    brightness = colorize(depth_mm, 1000, 5000)[0].astype(int).sum(axis=-1)
    assert brightness[0] > brightness[100] > brightness[-1]


def test_no_depth_has_a_color_that_no_depth_can_have() -> None:
    depth_mm = np.arange(200, dtype=np.uint16)[None].repeat(40, axis=0)
    picture = colorize(depth_mm, 1, 199)[:40]
    assert tuple(picture[0, 0]) == NO_DEPTH_BGR
    assert not (picture[:, 1:] == NO_DEPTH_BGR).all(axis=-1).any()


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_no_colormap_has_the_color_of_no_depth(colormap: Colormap) -> None:
    colors = gradient(256, colormap)
    assert len(np.unique(colors, axis=0)) > 200
    assert not (colors == no_depth_bgr(colormap)).all(axis=-1).any()
    depth_mm = np.arange(1000, 1256, dtype=np.uint16)[None].repeat(40, axis=0)
    assert np.array_equal(colorize(depth_mm, 1000, 1255, colormap=colormap)[0], colors)


def test_clip_keeps_the_range_of_its_first_depth() -> None:
    colors = ClipColors("auto", "gray")
    nothing = np.zeros((40, 200), np.uint16)
    first = np.linspace(1000, 5000, 200, dtype=np.uint16)[None].repeat(40, axis=0)
    colors(nothing)
    for depth_mm in (first, 2 * first):
        expected = colorize(depth_mm, *depth_limits(first), colormap="gray")
        assert np.array_equal(colors(depth_mm), expected)


@pytest.mark.parametrize("limits", [(3, 2), (1,), "near", (-1, 2)])
def test_what_is_no_range_is_refused(limits: Any) -> None:
    with pytest.raises(DepthError, match="Expected `range` to be"):
        ClipColors(limits)


def test_the_gradient_has_the_colors_of_depth() -> None:
    depth_mm = np.arange(1000, 1256, dtype=np.uint16)[None].repeat(40, axis=0)
    assert np.array_equal(colorize(depth_mm, 1000, 1255)[0], gradient(256))


def test_the_legend_is_below_and_has_text() -> None:
    depth_mm = np.full((100, 640), 2000, np.uint16)
    legend = colorize(depth_mm, 1000, 3000)[100:]
    text = legend[legend.shape[0] // 2 :]
    assert legend.shape[0] > 30
    assert (text[:, :60] < 128).any() and (text[:, -60:] < 128).any()
    assert (text[:, 80:120] == 255).all()


def test_limits_ignore_missing_depth_and_outliers() -> None:
    depth_mm = np.full((100, 100), 2000, np.uint16)
    depth_mm[:, :50] = 1000
    depth_mm[0, :3] = (0, 1, 60_000)
    assert depth_limits(depth_mm) == (1000, 2000)


def test_ends_that_are_not_given_are_the_maps_own() -> None:
    depth_mm = np.linspace(1000, 5000, 200, dtype=np.uint16)[None].repeat(40, axis=0)
    near_mm, far_mm = depth_limits(depth_mm)
    for given in ((), (near_mm,), (None, far_mm)):
        assert np.array_equal(colorize(depth_mm, *given), colorize(depth_mm, near_mm, far_mm))


def test_a_map_without_depth_can_be_drawn() -> None:
    depth_mm = np.zeros((10, 320), np.uint16)
    picture = colorize(depth_mm)
    assert (picture[:10] == NO_DEPTH_BGR).all()


def legend(depth_mm: list[int], near_mm: int, far_mm: int) -> npt.NDArray[np.uint8]:
    return colorize(np.array([depth_mm * 200], np.uint16), near_mm, far_mm)[1:]


def test_the_legend_says_where_there_is_depth_beyond_its_ends() -> None:
    within = legend([0, 1000, 3000], 1000, 3000)
    middle = within.shape[1] // 2
    for beyond, first_half in ((999, True), (3001, False)):
        differs = (legend([0, 1000, beyond], 1000, 3000) != within).any(axis=(0, 2))
        assert differs[:middle].any() == first_half
        assert differs[middle:].any() != first_half


def test_the_legend_of_errors_begins_with_the_largest() -> None:
    differs = legend([1001], 1000, 0) != legend([1000], 1000, 0)
    assert differs[:, : differs.shape[1] // 2].any()
    assert not differs[:, differs.shape[1] // 2 :].any()


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_percentiles_are_numpys_without_what_is_missing(dtype: Any) -> None:
    random = np.random.default_rng(5)
    for most in (2, 700, 65535):
        depth_mm = random.integers(0, most, (90, 70)).astype(dtype)
        expected = np.percentile(depth_mm[depth_mm > 0], [0, 1, 50, 99, 100])
        found = depth_percentiles(depth_mm, (0, 1, 50, 99, 100))
        assert found is not None
        np.testing.assert_allclose(found, expected)
    assert depth_percentiles(np.zeros((3, 4), dtype), (50,)) is None


def test_a_picture_is_the_same_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    depth_mm = np.random.default_rng(6).integers(0, 4000, (50, 40)).astype(np.uint16)
    whole = colorize(depth_mm)
    # The package has a function of the module's name.
    monkeypatch.setattr(sys.modules[colorize.__module__], "STRIP_PIXELS", 100)
    np.testing.assert_array_equal(colorize(depth_mm), whole)


def test_clip_colors_tell_their_range() -> None:
    assert repr(ClipColors((0.5, 10), "gray")) == "<ClipColors gray, 0.5 to 10 m>"
    colors = ClipColors()
    assert repr(colors) == "<ClipColors cividis, auto>"
    colors(np.array([[1000, 3000]], np.uint16))
    assert "auto" not in repr(colors)


def test_depth_of_many_kilometers_has_percentiles() -> None:
    """Of more millimeters than can be counted one by one."""
    depth_mm = np.array([[0, 10_000_000, 20_000_000, 30_000_000]], np.uint32)
    found = depth_percentiles(depth_mm, (0, 50, 100))
    assert found == [10_000_000, 20_000_000, 30_000_000]
