"""Each step of a recipe does to a network what it says, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.converters.ptq import graphs
from tests.converters.ptq.block_graph import block_graph, block_images, context_of, outputs
from tfl_depth.converters.graph import Graph, Operator, Tensor, constant, options
from tfl_depth.converters.graph.fusion import fuse_activations, unfuse_activations
from tfl_depth.converters.graph.kernels import has_kernel, kernel_of
from tfl_depth.converters.ptq import channel_doubling
from tfl_depth.converters.ptq.bias_correction import correct_biases
from tfl_depth.converters.ptq.channel_doubling import double_channels
from tfl_depth.converters.ptq.context import QuantizationContext
from tfl_depth.converters.ptq.conv_pairs import (
    channel_extremes,
    conv_pairs,
    incoming_largest,
    outgoing_largest,
)
from tfl_depth.converters.ptq.cross_layer_equalization import equalize_layers
from tfl_depth.converters.ptq.dead_channels import silence_dead_channels
from tfl_depth.converters.ptq.depthwise_split import split_depthwise
from tfl_depth.converters.ptq.layerwise_reconstruction import reconstruct_layers
from tfl_depth.converters.ptq.stream_equalization import equalize_streams
from tfl_depth.converters.ptq.weight_clipping import clip_weights
from tfl_depth.converters.ptq.weight_grid import nearest_kernel

HELD_OUT = block_images(6, seed=9)
GRANULARITIES = {"per channel": True, "per tensor": False}


def rounded(graph: Graph, *, per_channel: bool) -> Graph:
    """A copy whose kernels are rounded to nearest, as the writer will do."""
    from tfl_depth.converters.graph.kernels import set_kernel

    made = graph.copy()
    for operator in made.operators:
        if has_kernel(operator):
            kernel = nearest_kernel(operator, per_channel=per_channel)
            set_kernel(operator, constant(kernel_of(operator).name, kernel))
    return made


def error(graph: Graph, *, per_channel: bool) -> float:
    """What rounding its weights adds to the output of the network that it began as."""
    difference = outputs(rounded(graph, per_channel=per_channel), HELD_OUT)
    return float(np.sqrt(np.square(difference - outputs(block_graph(), HELD_OUT)).mean()))


def test_fusing_is_the_inverse_of_unfusing() -> None:
    graph = block_graph()
    kinds = [operator.kind for operator in graph.operators]
    before = outputs(graph, HELD_OUT)
    unfuse_activations(graph)
    assert [operator.kind for operator in graph.operators].count("RELU6") == 4
    np.testing.assert_allclose(outputs(graph, HELD_OUT), before, atol=1e-5)
    assert fuse_activations(graph) == 5
    assert [operator.kind for operator in graph.operators] == kinds
    np.testing.assert_allclose(outputs(graph, HELD_OUT), before, atol=1e-5)


@pytest.mark.parametrize("step", [equalize_layers, equalize_streams, split_depthwise])
def test_the_network_computes_the_same(step: Callable[[QuantizationContext], None]) -> None:
    context = context_of(block_graph(), per_channel=False)
    operators = len(context.graph.operators)
    step(context)
    if step is split_depthwise:
        assert len(context.graph.operators) > operators
    # Images that the step has seen: a brighter one may touch a ceiling that it made room below.
    np.testing.assert_allclose(
        outputs(context.graph, block_images(6)), outputs(block_graph(), block_images(6)), atol=1e-4
    )


def test_equalization_brings_the_ranges_of_pairs_together() -> None:
    context = context_of(block_graph())
    before = [_unevenness(pair.first) for pair in conv_pairs(context.graph)]
    equalize_layers(context)
    after = [_unevenness(pair.first) for pair in conv_pairs(context.graph)]
    assert len(before) == 5
    assert np.mean(after) < 0.8 * np.mean(before)


def _unevenness(operator: object) -> float:
    largest = outgoing_largest(operator)  # type: ignore[arg-type]
    return float(largest.max() / np.median(largest))


def test_ranges_of_a_kernel_by_its_channels() -> None:
    context = context_of(block_graph())
    for pair in conv_pairs(context.graph):
        channels = pair.first.output.shape[-1]
        assert outgoing_largest(pair.first).shape == (channels,)
        assert incoming_largest(pair.second, channels).shape == (channels,)


def test_splitting_is_left_out_where_each_channel_has_a_step() -> None:
    context = context_of(block_graph(), per_channel=True)
    operators = list(context.graph.operators)
    split_depthwise(context)
    assert context.graph.operators == operators


def test_splitting_leaves_less_error_with_one_step() -> None:
    context = context_of(block_graph(), per_channel=False)
    before = error(context.graph, per_channel=False)
    split_depthwise(context)
    assert error(context.graph, per_channel=False) < before


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ((1, 1, 1, 1, 1), 1),
        ((1, 0.1, 0.1, 0.1, 0.1), 2),
        ((0.1, 0.01, 1, 0.01, 1), 3),
        ((0, 0, 0, 0, 0), 1),
        ((0.3, 0.03, 1, 0.1, 0.01), 4),
    ],
)
def test_filters_of_a_similar_size_share_a_convolution(
    sizes: tuple[float, ...], parts: int
) -> None:
    rng, channels = np.random.default_rng(3), 8 * len(sizes)
    pixels = graphs.tensor("pixels", 1, 32, 48, 3)
    first = graphs.conv(pixels, rng.normal(0, 1, (channels, 1, 1, 3)), np.ones(channels), (32, 48))
    filters = rng.uniform(0.9, 1, (1, 3, 3, channels)) * rng.permutation(np.repeat(sizes, 8))
    middle = graphs.depthwise(first.output, filters, np.ones(channels), (32, 48))
    last = graphs.conv(middle.output, rng.normal(0, 1, (4, 1, 1, channels)), np.ones(4), (32, 48))
    network = graphs.graph_of(pixels, first, middle, last)
    context = context_of(network, per_channel=False)
    split_depthwise(context)
    kinds = [operator.kind for operator in context.graph.operators]
    assert kinds.count("DEPTHWISE_CONV_2D") == parts
    expected = outputs(network, HELD_OUT)
    np.testing.assert_allclose(
        outputs(context.graph, HELD_OUT), expected, atol=1e-4 * np.abs(expected).max()
    )


def test_streams_fill_their_range_and_channels_of_a_sum_have_one_factor() -> None:
    context = context_of(block_graph())
    kernels = {op.output.name: kernel_of(op).constant for op in context.operators()}
    (total,) = (op.output for op in context.graph.operators if op.kind == "ADD")
    before = _fill(context, total)
    equalize_streams(context)
    assert _fill(context, total) > 1.1 * before
    changes = {
        op.output.name: kernel_of(op).constant / kernels[op.output.name]
        for op in context.operators()
    }
    b0, b1 = (changes[name].reshape(8, -1)[:, 0] for name in ("b0_project", "b1_project"))
    np.testing.assert_allclose(b0, b1, rtol=1e-5)
    assert b0.min() >= 1 - 1e-6 and b0.max() > 1.2
    # The stem's map has an activation with a ceiling, which no factor passes.
    np.testing.assert_array_equal(changes["stem_linear"], 1)


def _fill(context: QuantizationContext, tensor: Tensor) -> float:
    """The mean share of a map's range that a channel uses."""
    sizes = np.abs(channel_extremes(context.graph, [tensor], context.images)[tensor]).max(axis=0)
    return float((sizes / sizes.max()).mean())


def test_doubled_channels_halve_the_steps_of_their_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_doubling, "MOST_ADDED", 0.5)
    context = context_of(block_graph())
    before = _error_of_rounded_maps(context.graph, ("stem", "b0_depthwise"))
    double_channels(context)
    shapes = {op.output.name: op.output.shape[-1] for op in context.graph.operators}
    assert (shapes["stem"], shapes["b0_depthwise"], shapes["b0_project"]) == (24, 24, 8)
    # In float the copies' mean is the channel, but within a quarter of a step of an activation's
    # ends.
    expected = outputs(block_graph(), HELD_OUT)
    spread = float(expected.std())
    assert np.abs(outputs(context.graph, HELD_OUT) - expected).mean() < 0.002 * spread
    after = _error_of_rounded_maps(context.graph, ("stem", "b0_depthwise"))
    assert after < 0.7 * before


def _error_of_rounded_maps(graph: Graph, names: tuple[str, ...]) -> float:
    """The error of the output where these maps of 0 to 6 are rounded to int8 (rms)."""
    copied, step = graph.copy(), 6 / 255
    for name in names:
        place = next(i for i, op in enumerate(copied.operators) if op.output.name == name)
        tensor = copied.operators[place].output
        values = Tensor(f"{name}_values", tensor.shape, tensor.dtype)
        copied.redirect(tensor, values)
        # The float that is added has no bits below the step.
        rounding = constant(f"{name}_rounding", 1.5 * 2**23 * step)
        raised = Tensor(f"{name}_raised", tensor.shape, tensor.dtype)
        copied.operators[place + 1 : place + 1] = [
            Operator("ADD", [tensor, rounding], [raised], options("AddOptions")),
            Operator("SUB", [raised, rounding], [values], options("SubOptions")),
        ]
    error = outputs(copied, HELD_OUT) - outputs(block_graph(), HELD_OUT)
    return float(np.sqrt(np.square(error).mean()))


def test_channels_are_doubled_only_while_they_cost_little() -> None:
    context = context_of(block_graph())
    operators = list(context.graph.operators)
    shapes = [operator.output.shape for operator in operators]
    double_channels(context)
    # The stem's chain is more than a share of this small network.
    assert [operator.output.shape for operator in context.graph.operators] == shapes


def test_a_grouped_convolution_is_not_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_doubling, "MOST_ADDED", 1.0)
    rng, pixels = np.random.default_rng(0), graphs.tensor("pixels", 1, 16, 16, 4)
    first = graphs.conv(pixels, rng.normal(size=(8, 3, 3, 2)), np.zeros(8), (16, 16), name="first")
    last = graphs.conv(first.output, rng.normal(size=(1, 1, 1, 8)), np.zeros(1), (16, 16))
    context = context_of(graphs.graph_of(pixels, first, last))
    context.images = [rng.normal(size=(1, 16, 16, 4)).astype(np.float32)]
    double_channels(context)
    assert kernel_of(context.graph.operators[0]).shape == (8, 3, 3, 2)


def test_dead_channels_become_constants() -> None:
    from tfl_depth.converters.graph.kernels import bias_of, set_bias

    graph = block_graph()
    stem = graph.operators[0]
    bias = bias_of(stem)
    assert bias is not None
    # Two channels that never leave the ends of ReLU6.
    changed = bias.constant.copy()
    changed[[2, 5]] = -1e3, 1e3
    set_bias(stem, constant(bias.name, changed))
    context = context_of(graph)
    silence_dead_channels(context)
    kernel = kernel_of(context.graph.operators[0]).constant
    assert not kernel[[2, 5]].any()
    assert np.abs(kernel).max(axis=(1, 2, 3)).astype(bool).sum() >= 8
    np.testing.assert_allclose(
        outputs(context.graph, block_images(6)), outputs(graph, block_images(6)), atol=1e-3
    )


def test_bias_correction_keeps_the_means_of_all_channels() -> None:
    context = context_of(block_graph(), per_channel=False)
    correct_biases(context)
    expected, found = (
        outputs(block_graph(), block_images(6)),
        outputs(context.graph, block_images(6)),
    )
    assert abs(found.mean() - expected.mean()) < 1e-3
    plain = outputs(rounded(block_graph(), per_channel=False), block_images(6))
    assert abs(plain.mean() - expected.mean()) > 1e-2


def test_clipping_never_adds_to_the_error_of_weights() -> None:
    context = context_of(block_graph(), per_channel=False)
    before = {op: kernel_of(op).constant for op in context.operators()}
    nearest = {op: nearest_kernel(op, per_channel=False) for op in context.operators()}
    clip_weights(context)
    for operator, kernel in before.items():
        error = np.square(kernel_of(operator).constant - kernel).sum()
        assert error <= np.square(nearest[operator] - kernel).sum() * 1.0001


@pytest.mark.parametrize("name", GRANULARITIES)
def test_reconstruction_leaves_far_less_error_than_rounding(name: str) -> None:
    per_channel = GRANULARITIES[name]
    context = context_of(block_graph(), per_channel=per_channel)
    plain = error(block_graph(), per_channel=per_channel)
    reconstruct_layers(context)
    assert error(context.graph, per_channel=per_channel) < 0.7 * plain


@pytest.mark.parametrize("name", GRANULARITIES)
def test_reconstructed_weights_lie_on_the_writers_grid(name: str) -> None:
    context = context_of(block_graph(), per_channel=GRANULARITIES[name])
    reconstruct_layers(context)
    for operator in context.operators():
        kernel = kernel_of(operator).constant
        nearest = nearest_kernel(operator, per_channel=context.per_channel)
        np.testing.assert_allclose(nearest, kernel, rtol=1e-5, atol=1e-7)


def test_only_chosen_operators_change() -> None:
    context = context_of(block_graph())
    context.chosen = frozenset({"fused_linear"})
    before = {op: kernel_of(op) for op in context.graph.operators if has_kernel(op)}
    reconstruct_layers(context)
    changed = [op.output.name for op, kernel in before.items() if kernel_of(op) is not kernel]
    assert changed == ["fused_linear"]
