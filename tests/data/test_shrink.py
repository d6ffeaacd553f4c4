"""Images that are shown smaller keep their depth metric."""

from __future__ import annotations

import numpy as np
import pytest

from tfl_depth.data.shrink import Shrinking, shrunken
from tfl_depth.runtime.fit import PAD_PIXEL

SHRINKING = Shrinking(min_zoom=0.5, share=1.0)


def square_before_a_wall() -> tuple[np.ndarray, np.ndarray]:
    """A white square 2 m away in front of a dark wall 4 m away; depth at half of the size."""
    depth_m = np.full((96, 128, 2), 4, np.float32)
    depth_m[36:60, 52:76] = 2
    return np.where(depth_m[..., :1] == 2, 255, 20).repeat(2, 0).repeat(2, 1).repeat(3, 2).astype(
        np.float32
    ), depth_m


@pytest.mark.parametrize("seed", range(12))
def test_what_looks_smaller_is_farther_by_as_much(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels, depth_m = shrunken(*square_before_a_wall(), SHRINKING, rng)
    near, far = (float(each) for each in np.unique(depth_m[depth_m > 0]))
    assert far == pytest.approx(2 * near, rel=1e-6)
    assert 4 <= far <= 8.1
    count = (depth_m[..., 0] == np.float32(near)).sum()
    squares = max(1, round(count / (24 * 24 * (4 / far) ** 2)))  # mirrored ones as well
    assert np.sqrt(count / squares / 24 / 24) == pytest.approx(4 / far, rel=0.08)
    assert (pixels[::2, ::2][depth_m[..., 0] == np.float32(near)].mean()) > 215
    gray = (pixels == PAD_PIXEL).all(-1)[::2, ::2]
    assert not depth_m[gray].any()


def test_a_border_is_gray_or_mirrored() -> None:
    grays = [
        not shrunken(*square_before_a_wall(), SHRINKING, np.random.default_rng(seed))[1].all()
        for seed in range(60)
    ]
    assert 15 < sum(grays) < 45


def test_a_share_of_the_images_stays_as_it_is() -> None:
    pixels, depth_m = square_before_a_wall()
    rng = np.random.default_rng(0)
    same = [shrunken(pixels, depth_m, Shrinking(0.5, 0.25), rng)[1] is depth_m for _ in range(400)]
    assert np.mean(same) == pytest.approx(0.75, abs=0.07)
