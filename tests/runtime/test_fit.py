"""Frames of another aspect: stretched, cropped and padded, with their depth and intrinsics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support import ramp
from tfl_depth.errors import DepthError
from tfl_depth.format.contract import FITS
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.fit import depth_in_frame, fit_frame, fit_photo

# Frames (height, width) beside the ramp's square input.
FRAMES = [(180, 320), (320, 180), (256, 256), (100, 301)]
Pixels = npt.NDArray[np.uint8]


def picture(size: tuple[int, int]) -> Pixels:
    """A slope along both axes, which the ramp network takes for depth pixel by pixel."""
    rows, columns = np.indices(size)
    slope = 40 + 150 * (rows / size[0] + columns / size[1]) / 2
    return np.repeat(np.rint(slope).astype(np.uint8)[..., None], 3, -1)


@pytest.fixture(scope="module")
def square(models: Path) -> Path:
    return models / ramp.file_name(ramp.COMMON)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", FRAMES, ids=str)
def test_depth_lies_where_its_pixels_are(square: Path, size: tuple[int, int], fit: Any) -> None:
    """The network computes each pixel by itself: depth is that of an input of the frame alone."""
    frame = picture(size)
    with DepthRunner(square, fit=fit) as runner:
        depth_mm = runner.infer(frame, channels="rgb").astype(np.int64)
    seen = fit_frame(size, (ramp.SIDE, ramp.SIDE), fit).frame
    # What the same pixels give in a frame of one color.
    with DepthRunner(square, fit="stretch") as runner:
        row, column = seen.top + seen.height // 2, seen.left + seen.width // 3
        flat = np.broadcast_to(frame[row, column], (ramp.SIDE, ramp.SIDE, 3))
        expected_mm = int(np.median(runner.infer(np.ascontiguousarray(flat), channels="rgb")))
        a_level_mm = 1000 * (ramp.RED_WEIGHT + 1) * ramp.step_m(runner.contract.spans)
    assert abs(depth_mm[row, column] - expected_mm) <= 3 * a_level_mm
    outside = np.ones(size, bool)
    outside[seen.slices] = False
    assert (depth_mm[outside] == 0).all()
    assert (depth_mm[~outside] > 0).all()
    # Along the border too: no depth of the gray pad is mixed in.
    inside = depth_mm[seen.slices]
    assert (np.diff(inside[:, inside.shape[1] // 2]) >= -2 * a_level_mm).all()
    assert inside[0].min() < inside[-1].max()


def test_crop_has_no_depth_outside_and_stream_gives_the_same(square: Path) -> None:
    frame = picture((180, 320))
    with DepthRunner(square, fit="crop") as runner:
        depth_mm = runner.infer(frame)
        (streamed,) = runner.stream([frame])
        grid_mm = runner.infer(frame, size="model")
        (of_grid,) = runner.stream([frame], size="model")
    assert (depth_mm[:, :70] == 0).all() and (depth_mm[:, 250:] == 0).all()
    np.testing.assert_array_equal(streamed.depth_mm, depth_mm)
    assert (grid_mm > 0).all()
    np.testing.assert_array_equal(of_grid.depth_mm, grid_mm)


def test_grid_has_no_depth_on_the_pad(square: Path) -> None:
    with DepthRunner(square, fit="pad") as runner:
        grid_mm = runner.infer(picture((180, 320)), size="model")
        (streamed,) = runner.stream([picture((180, 320))], size="model")
    # 256 columns and 144 rows of 256 show the frame.
    assert (grid_mm[:56] == 0).all() and (grid_mm[200:] == 0).all()
    assert (grid_mm[56:200] > 0).all()
    np.testing.assert_array_equal(streamed.depth_mm, grid_mm)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", FRAMES, ids=str)
def test_intrinsics_follow_the_pixels(size: tuple[int, int], fit: Any) -> None:
    """A white square in the frame lies in the input where the intrinsics say."""
    model_size = (192, 256)
    place = fit_frame(size, model_size, fit)
    row, column = size[0] // 2 + 8, size[1] // 2 - 9
    frame = np.zeros((*size, 3), np.uint8)
    frame[row - 4 : row + 5, column - 4 : column + 5] = 255
    fitted = fit_photo(frame, model_size, fit)[..., 0].astype(float)
    fitted[fitted == 128] = 0  # the pad
    total = fitted.sum()
    found = [
        (fitted.sum(axis=axis) * np.arange(side)).sum() / total
        for axis, side in ((0, 256), (1, 192))
    ]
    camera = Intrinsics(100.0, 100.0, float(column), float(row))
    moved = place.intrinsics(camera)
    assert found == pytest.approx([moved.cx, moved.cy], abs=0.3)
    assert moved.fx == pytest.approx(100 * place.model.width / place.frame.width)


@pytest.mark.parametrize("fit", FITS)
def test_depth_of_a_grid_comes_back_to_the_frame(fit: Any) -> None:
    frame = picture((180, 320))
    place = fit_frame((180, 320), (192, 256), fit)
    grid = fit_photo(frame, (192, 256), fit)[..., 0].astype(np.float32)
    depth = depth_in_frame(grid, place)
    seen = ~np.isnan(depth)
    assert seen.sum() == place.frame.height * place.frame.width
    assert np.abs(depth - frame[..., 0])[seen].max() <= 2


def test_unknown_fit_is_refused(square: Path) -> None:
    with pytest.raises(DepthError, match="stretch, crop, pad, got 'letterbox'"):
        DepthRunner(square, fit="letterbox")  # type: ignore[arg-type]
