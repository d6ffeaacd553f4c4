"""Errors of depth edges, against distances that are known."""

from __future__ import annotations

import numpy as np
import pytest

from tfl_depth.evaluation.edges import EdgeErrors, depth_edges

ALL = np.ones((240, 640), bool)


def step_at(column: int, near_m: float = 2.0, far_m: float = 4.0) -> np.ndarray:
    depth_m = np.full(ALL.shape, near_m, np.float32)
    depth_m[:, column:] = far_m
    return depth_m


@pytest.mark.parametrize("shift", [0, 3, 6])
def test_an_edge_beside_the_true_one_is_as_far_as_it_was_moved(shift: int) -> None:
    errors = EdgeErrors()
    errors.add(step_at(300), step_at(300 + shift), ALL)
    found = errors.metrics()
    assert found is not None and found.images == 1
    assert found.accuracy_px == pytest.approx(shift, abs=0.5)
    assert found.completeness_px == pytest.approx(shift, abs=0.5)


def test_a_missing_edge_costs_completeness_and_a_false_one_accuracy() -> None:
    errors = EdgeErrors()
    errors.add(step_at(300), np.full(ALL.shape, 3, np.float32), ALL)
    found = errors.metrics()
    assert found is not None and (found.accuracy_px, found.completeness_px) == (None, 10)
    errors = EdgeErrors()
    errors.add(step_at(300), np.maximum(step_at(300), step_at(500, 1, 8)), ALL)
    found = errors.metrics()
    assert found is not None and found.accuracy_px == pytest.approx(5, abs=0.5)
    assert found.completeness_px == pytest.approx(0, abs=0.5)


def test_near_and_far_steps_of_the_same_share_are_edges_alike() -> None:
    for scale in (0.3, 1, 20):
        edges = depth_edges(step_at(300, scale * 2.0, scale * 2.3), ALL)
        assert edges.any(axis=1).all() and edges.sum() <= 2 * len(edges)


def test_a_slope_is_no_edge_and_counts_nothing() -> None:
    slope = np.broadcast_to(np.linspace(2, 6, 640, dtype=np.float32), ALL.shape)
    errors = EdgeErrors()
    errors.add(slope, step_at(300), ALL)
    assert errors.metrics() is None


def test_holes_in_the_truth_are_no_edges() -> None:
    valid = ALL.copy()
    valid[50:100, 200:260] = False
    true = np.where(valid, np.float32(3), np.float32(0))
    errors = EdgeErrors()
    errors.add(true, step_at(600), valid)
    assert errors.metrics() is None
