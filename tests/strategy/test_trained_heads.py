"""The heads of networks that are trained further."""

from __future__ import annotations

import numpy as np
import pytest

from tfl_depth.strategy.experiments import TrainedNetwork
from tfl_depth.strategy.trained_heads import trained_head

NETWORKS: tuple[TrainedNetwork, ...] = ("longer", "two_heads")


@pytest.mark.parametrize("network", NETWORKS)
def test_a_head_reads_what_it_writes(network: TrainedNetwork) -> None:
    head = trained_head(network, 10.0)
    depth_m = np.linspace(0.2, 9.99, 4000, dtype=np.float32).reshape(40, 100)
    values = head.encode(depth_m)
    assert set(values) == set(head.outputs)
    for way, decode in head.decode.items():
        np.testing.assert_allclose(decode(values), depth_m, atol=0.01, err_msg=way)


def test_rounding_mends_the_coarse_step_of_two_heads_and_breaks_at_a_meter() -> None:
    head = trained_head("two_heads", 15.0)
    values = head.encode(np.array([[4.3]], np.float32))
    values["integer"] = values["integer"] + np.float32(0.3 / 15)
    assert head.decode["sum"](values) == pytest.approx(4.6, abs=1e-4)
    assert head.decode["round"](values) == pytest.approx(4.3, abs=1e-4)
    values["integer"] = values["integer"] + np.float32(0.3 / 15)
    assert head.decode["round"](values) == pytest.approx(5.3, abs=1e-4)


def test_a_sigmoid_s_targets_are_those_in_front_of_it() -> None:
    head = trained_head("two_heads", 10.0)
    targets = head.targets(np.array([[2.5, 0.0]], np.float32))
    np.testing.assert_allclose(1 / (1 + np.exp(-targets["integer"])), [[0.2, 0.02]], atol=1e-6)
    np.testing.assert_allclose(1 / (1 + np.exp(-targets["fractional"])), [[0.5, 0.02]], atol=1e-6)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_head_s_loss_is_least_at_the_truth(network: TrainedNetwork) -> None:
    head = trained_head(network, 10.0)
    rng = np.random.default_rng(1)
    true = rng.uniform(0.5, 9.5, (2, 8, 8, 1)).astype(np.float32)
    right = {key: value.astype(np.float32) for key, value in head.encode(true).items()}
    wrong = {key: value + np.float32(0.05) for key, value in right.items()}
    at_truth = float(head.loss(true, right))
    assert at_truth == pytest.approx(0, abs=1e-3)
    assert float(head.loss(true, wrong)) > at_truth + 1e-3
