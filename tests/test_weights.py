from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from tests.block_net import SIZE, block_images, block_net
from tfl_depth.converters.canonical import canonical
from tfl_depth.converters.keras_graph import convolutions
from tfl_depth.converters.ranges import pin_extremes, with_ranges
from tfl_depth.converters.walk import walk
from tfl_depth.converters.weights.bias import correct_biases
from tfl_depth.converters.weights.clipping import clip_weights
from tfl_depth.converters.weights.dead_channels import silence_dead_channels
from tfl_depth.converters.weights.distil import distil
from tfl_depth.converters.weights.equalisation import equalise
from tfl_depth.converters.weights.grid import largest, nearest
from tfl_depth.converters.weights.pairs import pairs
from tfl_depth.converters.weights.parting import part_by_range
from tfl_depth.converters.weights.rounding import round_to_features
from tfl_depth.converters.workpiece import Workpiece

HELD_OUT = block_images(8, seed=2)


def workpiece(*, per_channel: bool = True, model: keras.Model | None = None) -> Workpiece:
    return Workpiece.of(
        model or block_net(),
        block_images(16),
        lambda: block_images(24),
        per_channel=per_channel,
        progress=lambda items, total, what: items,
    )


def depth(model: keras.Model) -> Any:
    return np.asarray(model.predict_on_batch(HELD_OUT))


def rounded(work: Workpiece) -> keras.Model:
    """The network with its weights as the converter will round them."""
    copy = canonical(work.network)
    for layer in convolutions(copy):
        kernel, *rest = layer.get_weights()
        step = largest(kernel, layer, per_channel=work.per_channel) / 127
        layer.set_weights([nearest(kernel, step), *rest])
    return copy


def error(work: Workpiece) -> float:
    return float(np.abs(depth(rounded(work)) - depth(work.reference)).mean())


def test_a_canonical_network_computes_the_same() -> None:
    model = block_net()
    found = canonical(model)
    np.testing.assert_allclose(depth(found), depth(model), atol=1e-4)
    kinds = {type(layer) for layer in found.layers}
    assert not kinds & {layers.BatchNormalization, layers.SpatialDropout2D}
    assert all(layer.use_bias for layer in convolutions(found))
    assert all(layer.activation is keras.activations.linear for layer in convolutions(found))


def test_a_canonical_network_has_weights_of_its_own() -> None:
    model = canonical(block_net())
    before = depth(model)
    for layer in convolutions(canonical(model)):
        layer.set_weights([0 * weights for weights in layer.get_weights()])
    np.testing.assert_array_equal(depth(model), before)


def test_batch_normalisation_that_others_look_past_stays() -> None:
    pixels = keras.Input((*SIZE, 3))
    x = layers.Conv2D(4, 3, name="shared")(pixels)
    both = layers.Add()([layers.BatchNormalization(name="kept")(x), x])
    model = keras.Model(pixels, layers.Conv2D(1, 1)(both))
    found = canonical(model)
    assert any(isinstance(layer, layers.BatchNormalization) for layer in found.layers)
    np.testing.assert_allclose(depth(found), depth(model), atol=1e-5)


def test_walking_shows_what_every_layer_gives() -> None:
    model = canonical(block_net())
    shown: dict[str, Any] = {}
    walk(model, HELD_OUT, after=lambda layer, maps: shown.update({layer.name: maps}))
    assert set(shown) == {layer.name for layer in model.layers}
    probe = keras.Model(model.inputs, model.get_layer("b1_add").output)
    np.testing.assert_allclose(shown["b1_add"], probe.predict_on_batch(HELD_OUT), atol=1e-4)
    np.testing.assert_allclose(shown["depth"], depth(model), atol=1e-4)


def test_weights_changed_on_the_way_count_from_there_on() -> None:
    model = canonical(block_net())
    shown: dict[str, Any] = {}

    def silence(layer: Any, maps: Any) -> None:
        if layer.name == "b1_expand":
            layer.set_weights([0 * weights for weights in layer.get_weights()])

    walk(
        model, HELD_OUT, before=silence, after=lambda layer, maps: shown.update({layer.name: maps})
    )
    assert shown["stem"].any() and not shown["b1_expand"].any()
    np.testing.assert_allclose(shown["depth"], depth(model), atol=1e-4)


def test_pairs_have_nothing_but_an_activation_between() -> None:
    found = [
        (pair.first.name, pair.second.name, pair.ceiling) for pair in pairs(workpiece().network)
    ]
    assert found == [
        ("stem", "b0_depthwise", 6.0),
        ("b0_depthwise", "b0_project", 6.0),
        ("b1_expand", "b1_depthwise", 6.0),
        ("b1_depthwise", "b1_project", 6.0),
        ("fused", "depth", None),
    ]


def test_equalisation_keeps_what_a_network_computes_on_its_images() -> None:
    work = workpiece()
    equalise(work)
    images = work.images
    np.testing.assert_allclose(
        work.network.predict_on_batch(images), work.reference.predict_on_batch(images), atol=2e-3
    )
    before = {layer.name: layer.get_weights()[0] for layer in convolutions(work.reference)}
    after = {layer.name: layer.get_weights()[0] for layer in convolutions(work.network)}
    assert any(not np.allclose(before[name], after[name]) for name in before)


def test_equalisation_leaves_channels_alone_that_touch_the_ceiling() -> None:
    model = block_net()
    bn = model.get_layer("stem_bn")
    gamma, beta, mean, variance = bn.get_weights()
    beta[2] = 5.5
    bn.set_weights([gamma, beta, mean, variance])
    work = workpiece(model=model)
    equalise(work)
    assert work.factors["stem"][2] == 1
    assert np.ptp(work.factors["stem"]) > 0.1


def test_equalisation_takes_back_uneven_channels() -> None:
    model = canonical(block_net())
    factors = 10 ** np.random.default_rng(4).uniform(-2, 0, 24)
    expand, depthwise = model.get_layer("b1_expand"), model.get_layer("b1_depthwise")
    kernel, bias = expand.get_weights()
    expand.set_weights([kernel * factors, bias * factors])
    kernel, bias = depthwise.get_weights()
    depthwise.set_weights([kernel / factors[:, None], bias])
    work = workpiece(per_channel=False, model=model)
    before = error(work)
    equalise(work)
    assert error(work) < 0.5 * before


def test_a_channel_that_never_changes_becomes_a_constant() -> None:
    model = block_net()
    bn = model.get_layer("stem_bn")
    gamma, beta, mean, variance = bn.get_weights()
    # Channel 3 stays far below zero, channel 5 far above six; both have large weights.
    beta[3], beta[5] = -500, 500
    bn.set_weights([gamma, beta, mean, variance])
    work = workpiece(model=model)
    silence_dead_channels(work)
    kernel, bias = work.network.get_layer("stem").get_weights()
    assert not kernel[..., [3, 5]].any() and kernel[..., 4].any()
    assert (bias[3], bias[5]) == (0, 6)
    assert not work.network.get_layer("b0_depthwise").get_weights()[0][:, :, 3].any()
    np.testing.assert_allclose(depth(work.network), depth(work.reference), atol=1e-4)


def test_clipping_leaves_less_squared_error_in_every_kernel() -> None:
    work = workpiece(per_channel=False)
    kernels = {layer.name: layer.get_weights()[0] for layer in convolutions(work.network)}
    plain = {layer.name: layer.get_weights()[0] for layer in convolutions(rounded(work))}
    clip_weights(work)
    for layer in convolutions(rounded(work)):
        true, name = kernels[layer.name], layer.name
        assert np.square(layer.get_weights()[0] - true).sum() <= np.square(plain[name] - true).sum()


def test_bias_correction_restores_the_means() -> None:
    work = workpiece(per_channel=False)
    correct_biases(work)
    means: dict[str, Any] = {}
    for name, model in (("true", work.reference), ("found", work.network)):
        probe = keras.Model(model.inputs, model.get_layer("b1_project").output)
        means[name] = probe.predict_on_batch(work.images).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(means["found"], means["true"], atol=1e-3)


@pytest.mark.parametrize("per_channel", [True, False])
def test_learned_rounding_beats_rounding_to_nearest(per_channel: bool) -> None:
    work = workpiece(per_channel=per_channel)
    before = error(work)
    round_to_features(work)
    assert error(work) < 0.6 * before


def part_round_and_distil(work: Workpiece) -> None:
    for step in (part_by_range, round_to_features, pin_extremes, distil):
        step(work)


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("step", [round_to_features, correct_biases, part_round_and_distil])
def test_weights_lie_on_the_grid_that_the_converter_will_find(
    per_channel: bool, step: Callable[[Workpiece], None]
) -> None:
    work = workpiece(per_channel=per_channel)
    step(work)
    after = {layer.name: layer.get_weights()[0] for layer in convolutions(rounded(work))}
    for layer in convolutions(work.network):
        np.testing.assert_allclose(
            layer.get_weights()[0], after[layer.name], rtol=1e-5, err_msg=layer.name
        )


def test_rounding_follows_an_equalised_network() -> None:
    work = workpiece(per_channel=False)
    equalise(work)
    factors = work.factors["b1_expand"]
    assert np.ptp(factors) > 0.1
    round_to_features(work)
    maps: dict[str, Any] = {}
    for name, model in (("true", work.reference), ("found", work.network)):
        probe = keras.Model(model.inputs, model.get_layer("b1_expand").output)
        maps[name] = probe.predict_on_batch(HELD_OUT)
    scale = np.abs(maps["true"] * factors).mean()
    assert np.abs(maps["found"] - maps["true"] * factors).mean() < 0.1 * scale


def test_a_chosen_layer_alone_is_changed() -> None:
    work = workpiece()
    work.layers = ("b0_depthwise",)
    round_to_features(work)
    for layer in convolutions(work.network):
        same = np.array_equal(
            layer.get_weights()[0], work.reference.get_layer(layer.name).get_weights()[0]
        )
        assert same == (layer.name != "b0_depthwise")


def uneven_net() -> keras.Model:
    """A block net with two depthwise filters far larger than the others."""
    model = block_net()
    depthwise, project = model.get_layer("b1_depthwise"), model.get_layer("b1_project")
    (kernel,), (behind,) = depthwise.get_weights(), project.get_weights()
    kernel[:, :, [3, 17]] *= 40
    behind[:, :, [3, 17]] /= 40
    depthwise.set_weights([kernel])
    project.set_weights([behind])
    return model


def test_parting_computes_the_same_with_two_scales() -> None:
    work = workpiece(per_channel=False, model=uneven_net())
    before, nearest_before = depth(work.network), error(work)
    part_by_range(work)
    np.testing.assert_allclose(depth(work.network), before, atol=1e-4)
    np.testing.assert_allclose(depth(work.reference), before, atol=1e-4)
    names = {layer.name for layer in convolutions(work.network)}
    assert {"b1_depthwise_large", "b1_depthwise_small", "b1_expand_small"} <= names
    assert "b1_depthwise" not in names
    large = work.network.get_layer("b1_depthwise_large").get_weights()[0].shape[2]
    small = work.network.get_layer("b1_depthwise_small").get_weights()[0].shape[2]
    assert (large, large + small) == (8, 24)
    assert error(work) < 0.7 * nearest_before


def test_nothing_is_parted_where_each_channel_has_a_scale() -> None:
    work = workpiece(per_channel=True, model=uneven_net())
    names = [layer.name for layer in work.network.layers]
    part_by_range(work)
    assert [layer.name for layer in work.network.layers] == names


def quantised(work: Workpiece) -> keras.Model:
    """The network with kernels and feature maps on their grids."""
    return with_ranges(rounded(work), work.ranges, batch=None)


@pytest.mark.parametrize("per_channel", [True, False])
def test_distilling_brings_the_int8_network_nearer_to_the_float_one(per_channel: bool) -> None:
    work = workpiece(per_channel=per_channel)
    pin_extremes(work)
    before = np.abs(depth(quantised(work)) - depth(work.reference)).mean()
    distil(work)
    assert (
        np.abs(depth(quantised(work)) - depth(work.reference)).mean()
        < (0.95 if per_channel else 0.8) * before
    )
