"""Sensitivity finds the kernel that was made bad."""

from __future__ import annotations

import pytest

from tests.strategy.small_study import Inputs
from tfl_depth.strategy.calibrated_graph import CalibratedGraph
from tfl_depth.strategy.layer_sensitivity import LEFT_SHARE, layer_sensitivity, operator_noise
from tfl_depth.strategy.results import LayerSensitivity

Calibrated = tuple[CalibratedGraph, Inputs]


@pytest.fixture(scope="module")
def found(small_calibrated: Calibrated) -> LayerSensitivity:
    made, inputs = small_calibrated
    return layer_sensitivity(made, inputs[:3], lambda items, _total, _what: items)


def test_the_kernel_of_one_large_filter_is_worst_with_one_step(found: LayerSensitivity) -> None:
    per_tensor, per_channel = found.kernels["per_tensor"], found.kernels["per_channel"]
    worst = max(per_tensor.alone_mm, key=lambda name: per_tensor.alone_mm[name])
    assert worst == "conv_2d_1" and found.kinds[worst] == "CONV_2D"
    assert per_tensor.to_mend[0] == worst
    assert per_tensor.alone_mm[worst] > 3 * per_channel.alone_mm[worst]
    # Without it much of the error is gone, and the signal behind it is clearer.
    assert per_tensor.all_but_mm[worst] < per_tensor.all_mm / 1.5
    assert per_tensor.noise_db[worst] < per_channel.noise_db[worst]


def test_what_is_to_mend_is_as_few_as_it_can_be(
    found: LayerSensitivity, small_calibrated: Calibrated
) -> None:
    from tfl_depth.strategy.deviation import median_mm
    from tfl_depth.strategy.fake_quant_model import FakeQuantModel

    made, inputs = small_calibrated
    model = FakeQuantModel(made.headed, made.ranges)
    kernels = found.kernels["per_tensor"]
    order = sorted(kernels.alone_mm, key=lambda name: -kernels.alone_mm[name])
    count = len(kernels.to_mend)
    assert list(kernels.to_mend) == order[:count]
    left = model.depth(inputs[:3], kernels=order[count:], per_channel=False)
    left_mm = median_mm(model.depth(inputs[:3]), left)
    assert left_mm <= LEFT_SHARE * kernels.all_mm


def test_every_feature_map_was_tried(found: LayerSensitivity) -> None:
    assert len(found.maps.alone_mm) == 5
    assert 0 < max(found.maps.alone_mm.values()) < 2 * found.maps.all_mm


def test_noise_is_in_decibels_at_every_operator(small_calibrated: Calibrated) -> None:
    made, inputs = small_calibrated
    noise = operator_noise(made, inputs[:2], per_channel=True)
    assert all(5 < decibels < 60 for decibels in noise.values()), noise
