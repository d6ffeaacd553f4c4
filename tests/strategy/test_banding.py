"""Banding, measured on planes and steps that are known."""

from __future__ import annotations

import numpy as np
import pytest

from tfl_depth.strategy.banding import banding, plane_residual


def plane(far_m: float = 3.0) -> np.ndarray:
    row = np.linspace(1, far_m, 48, dtype=np.float32)
    return np.tile(row, (32, 1)) + np.linspace(0, 0.4, 32, dtype=np.float32)[:, None]


def test_a_plane_lies_on_its_plane_and_a_step_does_not() -> None:
    inner = (slice(4, -4), slice(4, -4))
    assert plane_residual(plane())[inner].max() < 1e-5
    stepped = np.where(np.arange(48) < 24, 1.0, 1.5) * np.ones((32, 1))
    residual = plane_residual(stepped)
    assert residual[10, 23] > 0.1 and residual[10, 5] < 1e-6


def test_a_window_s_residual_is_that_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    depth = rng.normal(2, 0.3, (7, 7))
    y, x = np.mgrid[-3:4, -3:4]
    basis = np.stack([np.ones(49), x.ravel(), y.ravel()], axis=1)
    solved, *_ = np.linalg.lstsq(basis, depth.ravel(), rcond=None)
    expected = np.sqrt(np.square(basis @ solved - depth.ravel()).mean())
    assert plane_residual(depth)[3, 3] == pytest.approx(expected, rel=1e-6)


def test_banding_grows_with_the_step_and_levels_fall() -> None:
    def stepped(step_m: float) -> np.ndarray:
        return np.rint(plane() / step_m) * step_m

    fine, coarse = (banding([plane()], [stepped(step)]) for step in (0.004, 0.04))
    assert fine.planar_share > 0.5
    assert coarse.residual_mm > 5 * fine.residual_mm > 5 * fine.float_residual_mm
    assert coarse.levels < fine.levels
