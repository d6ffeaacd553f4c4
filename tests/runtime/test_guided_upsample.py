"""Enlargement of depth by the edges of the photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tfl_depth.errors import DepthError
from tfl_depth.format.contract import FITS
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.fit import Fit
from tfl_depth.runtime.guided_upsample import GuidedUpsampler
from tfl_depth.runtime.upsample import Upsampler

SMALL, LARGE = (48, 64), (240, 320)


def photo_with_an_edge(column: int) -> np.ndarray:
    photo = np.full((*LARGE, 3), 40, np.uint8)
    photo[:, column:] = 220
    return photo


def blurred_step(dtype: type = np.uint16) -> np.ndarray:
    """2 m and 4 m with a soft step between them, in the middle."""
    profile = np.interp(np.arange(SMALL[1]), [28, 36], [2000, 4000])
    return np.broadcast_to(profile, SMALL).astype(dtype)


def guided(depth_mm: np.ndarray, photo: np.ndarray) -> np.ndarray:
    upsample = GuidedUpsampler()
    upsample.photo = photo
    out = np.empty(photo.shape[:2], depth_mm.dtype)
    upsample(depth_mm, out, zeros=int((depth_mm == 0).sum()))
    return out


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
@pytest.mark.parametrize("gray", [False, True])
def test_the_step_becomes_steep_where_the_photo_has_its_edge(dtype: type, gray: bool) -> None:
    photo = photo_with_an_edge(160)
    depth_mm = blurred_step(dtype)
    sharp = guided(depth_mm, photo[..., 1] if gray else photo)
    soft: np.ndarray = np.empty(LARGE, dtype)
    Upsampler()(depth_mm, soft, zeros=0)
    across = np.s_[120, 158:162]
    assert np.ptp(sharp[across]) > 3 * np.ptp(soft[across])
    assert sharp.min() >= 2000 and sharp.max() <= 4000
    np.testing.assert_allclose(sharp[:, :80], 2000, atol=2)


def test_a_photo_without_contrast_changes_little() -> None:
    depth_mm = blurred_step()
    flat = guided(depth_mm, np.full((*LARGE, 3), 90, np.uint8))
    soft = np.empty(LARGE, np.uint16)
    Upsampler()(depth_mm, soft, zeros=0)
    assert np.abs(flat.astype(int) - soft).max() < 350


def test_pixels_without_depth_stay_without_and_touch_no_other() -> None:
    depth_mm = np.full(SMALL, 3000, np.uint16)
    depth_mm[20:24, 30:40] = 0
    photo = np.random.default_rng(0).integers(0, 256, (*LARGE, 3), np.uint8)
    out = guided(depth_mm, photo)
    soft = np.empty(LARGE, np.uint16)
    Upsampler()(depth_mm, soft, zeros=40)
    np.testing.assert_array_equal(out == 0, soft == 0)
    assert set(np.unique(out)) == {0, 3000}


def test_nothing_but_zeros_stays_zero() -> None:
    assert not guided(np.zeros(SMALL, np.uint16), photo_with_an_edge(9)).any()


@pytest.mark.parametrize("fit", FITS)
def test_runner_and_stream_guide_by_the_part_of_the_frame_that_the_network_sees(
    models: Path, fit: Fit
) -> None:
    frame = np.random.default_rng(1).integers(0, 256, (150, 330, 3), np.uint8)
    with (
        DepthRunner(models / "net.tflite", fit=fit, upsample="guided") as runner,
        DepthRunner(models / "net.tflite", fit=fit) as plain,
    ):
        depth_mm, usual = runner.infer(frame), plain.infer(frame)
        streamed = next(iter(runner.stream([frame]))).depth_mm
        whole_grid = runner.infer(frame, size="model")
        np.testing.assert_array_equal(whole_grid, plain.infer(frame, size="model"))
    np.testing.assert_array_equal(streamed, depth_mm)
    np.testing.assert_array_equal(depth_mm == 0, usual == 0)
    assert (depth_mm != usual).any()


def test_another_word_is_refused(models: Path) -> None:
    with pytest.raises(DepthError, match="to be 'bilinear' or 'guided', got 'cubic'"):
        DepthRunner(models / "net.tflite", upsample="cubic")  # type: ignore[arg-type]
