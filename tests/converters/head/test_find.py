"""Heads of every usual kind: found, unchanged, and split with the same depth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.converters.head.decoding import decode_codes, decode_float
from tests.converters.head.networks import RELU, RELU6, SAME, Net, outputs_of
from tfl_depth.converters.graph import Graph, GraphRunner, Tensor, options
from tfl_depth.converters.head import (
    Formula,
    choose_output,
    depth_function,
    find_head,
    measure_curve,
    place_spans,
    split_head,
    tail,
    walk,
)
from tfl_depth.converters.head.tail_operators import POINTWISE
from tfl_depth.converters.quantize import QuantizationPlan, quantized
from tfl_depth.errors import ConversionError

Build = Callable[[Net], Tensor]


def depth_to_space(net: Net, x: Tensor) -> Tensor:
    _, height, width, channels = x.shape
    shape = (1, 2 * height, 2 * width, channels // 4)
    return net.add("DEPTH_TO_SPACE", [x], shape, options("DepthToSpaceOptions", blockSize=2))


def softplus(net: Net, y: Tensor) -> Tensor:
    """As relu(y) + log(1 + exp(-|y|)), which takes y twice."""
    small = net.unary("EXP", net.unary("NEG", net.unary("ABS", y)))
    return net.binary("ADD", net.unary("RELU", y), net.unary("LOG", net.binary("ADD", small, 1.0)))


def batch_norm(net: Net, y: Tensor) -> Tensor:
    scaled = net.binary("MUL", y, np.full((1, 1, 1, 1), -1.7))
    return net.binary("SUB", net.binary("ADD", scaled, [3.0]), 0.4)


def dense_on_tokens(net: Net) -> Tensor:
    tokens = net.reshape(net.features(), 1, 12 * 16, 8)
    return net.reshape(net.dense(tokens), 1, 12, 16)


def sum_of_heads(net: Net) -> Tensor:
    features = net.features()
    other = net.conv(net.conv(features, 5, 3, activation=RELU), 1, 3)
    return net.unary("EXP", net.binary("SUB", net.conv(features), net.binary("MUL", other, 0.5)))


def bins(net: Net) -> Tensor:
    shares = net.softmax(net.conv(net.features(), 6))
    return net.reduce("SUM", net.binary("MUL", shares, np.linspace(1, 9, 6)), 3, keep=False)


def crop(net: Net) -> Tensor:
    cut = net.slice(net.conv(net.features(), 1, 3), [0, 1, 2, 0], [1, 10, 12, 1])
    return net.reshape(net.unary("EXP", cut), 1, 10, 12)


def one_of_three_channels(net: Net) -> Tensor:
    three = net.unary("EXP", net.conv(net.features(), 3, 3))
    return net.slice(three, [0, 0, 0, 1], [1, 12, 16, 1])


# Each with the kind of the operator that computes y.
HEADS: dict[str, tuple[Build, str]] = {
    "plain": (lambda n: n.conv(n.features(), 1, 3), "CONV_2D"),
    "fused relu": (lambda n: n.conv(n.features(), activation=RELU), "CONV_2D"),
    "fused relu6": (lambda n: n.conv(n.features(), activation=RELU6), "CONV_2D"),
    "sigmoid": (
        lambda n: n.binary("MUL", n.unary("LOGISTIC", n.conv(n.features())), 10.0),
        "CONV_2D",
    ),
    "softplus": (lambda n: softplus(n, n.conv(n.features())), "CONV_2D"),
    "batch norm": (lambda n: batch_norm(n, n.conv(n.features())), "CONV_2D"),
    "scalar convolution": (lambda n: n.depthwise(n.conv(n.features(), 1, 3), 1, 1), "CONV_2D"),
    "reciprocal": (
        lambda n: n.binary("DIV", 1.0, n.binary("ADD", softplus(n, n.conv(n.features())), 0.1)),
        "CONV_2D",
    ),
    "dense": (lambda n: n.dense(n.features()), "CONV_2D"),
    "dense on tokens": (dense_on_tokens, "CONV_2D"),
    "separable": (lambda n: n.conv(n.depthwise(n.features())), "CONV_2D"),
    "depthwise of one channel": (lambda n: n.depthwise(n.conv(n.features())), "CONV_2D"),
    "transposed": (lambda n: n.unary("EXP", n.transposed(n.features())), "TRANSPOSE_CONV"),
    "sum of heads": (sum_of_heads, "CONV_2D"),
    "fixed bins": (bins, "CONV_2D"),
    "mean of channels": (lambda n: n.reduce("MEAN", n.features(), 3), "CONV_2D"),
    "cropped": (crop, "CONV_2D"),
    "one of three channels": (one_of_three_channels, "CONV_2D"),
    "one of a depthwise": (
        lambda n: n.slice(n.depthwise(n.features(), 2), [0, 0, 0, 5], [1, 12, 16, 1]),
        "CONV_2D",
    ),
    "pixel shuffle": (
        lambda n: n.unary("EXP", depth_to_space(n, n.conv(n.features(), 4, 3))),
        "CONV_2D",
    ),
    "channels first": (lambda n: n.transpose(n.conv(n.features()), 0, 3, 1, 2), "CONV_2D"),
}


def built(build: Build) -> tuple[Graph, Net]:
    net = Net()
    return net.finish(depth=build(net)), net


def seen_range(graph: Graph, tensor: Tensor, net: Net) -> tuple[float, float]:
    run = GraphRunner(graph, [tensor])
    values = [run({net.image: net.photo(seed)})[tensor] for seed in range(3)]
    return float(np.min(values)), float(np.max(values))


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("name", HEADS)
def test_found_unchanged_and_split(name: str, per_channel: bool) -> None:
    build, kind = HEADS[name]
    graph, net = built(build)
    depth = outputs_of(graph, net.photo())["depth"]
    choose_output(graph)
    head = find_head(graph)
    assert head.operator is not None and head.operator.kind == kind
    unchanged = outputs_of(graph, net.photo())["depth"]
    assert unchanged.shape == (1, *head.full_size, 1)
    np.testing.assert_allclose(unchanged.ravel(), depth.ravel(), rtol=1e-5, atol=1e-5)

    function = depth_function(head, Formula())
    curve = measure_curve(function, seen_range(graph, head.y, net), (0.0, 10.0))
    spans = place_spans(curve, per_channel=per_channel)
    made = split_head(graph, head, spans, per_channel=per_channel)
    found = outputs_of(graph, net.photo())
    assert set(found) == {"integer", "fractional"} and not made.wide
    decoded_m = decode_float(found["integer"], found["fractional"], spans).ravel()
    # Half a step at the ends that are cut.
    np.testing.assert_allclose(decoded_m, np.clip(depth.ravel(), 0, 10), atol=0.0025)


@pytest.mark.parametrize("name", ["transposed", "pixel shuffle", "cropped", "sum of heads"])
def test_integers_keep_the_split(name: str) -> None:
    graph, net = built(HEADS[name][0])
    depth = outputs_of(graph, net.photo())["depth"].ravel()
    head = find_head(graph)
    seen = seen_range(graph, head.y, net)
    spans = place_spans(measure_curve(depth_function(head, Formula()), seen, (0.0, 10.0)))
    made = split_head(graph, head, spans)
    ranges = {tensor: seen_range(graph, tensor, net) for tensor in graph.computed()}
    written = quantized(graph, QuantizationPlan(ranges, made.pinned, made.exact))
    scale = (ranges[net.image][1] - ranges[net.image][0]) / 255
    zero = np.rint(-128 - ranges[net.image][0] / scale)
    image = np.clip(np.rint(net.photo() / scale) + zero, -128, 127).astype(np.int8)
    codes = {
        key: each.ravel().astype(int) + 128 for key, each in outputs_of(written, image).items()
    }
    decoded_m = decode_codes(codes["integer"], codes["fractional"], spans)
    error_m = np.abs(decoded_m - np.clip(depth, 0, 10))
    # What int8 features cost these few channels; a code that breaks costs spans.
    assert np.median(error_m) < 0.01 * np.ptp(depth) and error_m.max() < 0.1 * np.ptp(depth)


def test_a_sum_that_no_convolution_computes_is_split_behind_it_and_said_to_be_coarse() -> None:
    net = Net()
    features = net.features()
    coarse = net.resize(net.conv(net.conv(features, 5, 3, stride=2)), 12, 16)
    total = net.binary("ADD", net.conv(features), coarse)
    net.graph.operators[-1].options.fusedActivationFunction = RELU
    graph = net.finish(depth=net.unary("EXP", total))
    depth = outputs_of(graph, net.photo())["depth"]
    head = find_head(graph)
    assert head.operator is None and seen_range(graph, head.y, net)[0] < 0
    curve = measure_curve(depth_function(head, Formula()), seen_range(graph, head.y, net), (0, 10))
    spans = place_spans(curve)
    made = split_head(graph, head, spans)
    found = outputs_of(graph, net.photo())
    decoded_m = decode_float(found["integer"], found["fractional"], spans)
    np.testing.assert_allclose(decoded_m, np.clip(depth, 0, 10), atol=0.0025)
    assert made.wide == (head.y,)
    assert made.pinned[head.y] == pytest.approx((curve.y[0], curve.y[-1]))


def test_y_that_others_take_too_stays() -> None:
    net = Net()
    y = net.conv(net.features())
    twice = net.conv(net.concatenate(y, net.features()), 1, 3)
    graph = net.finish(depth=net.unary("EXP", net.binary("ADD", twice, 1.0)), coarse=y)
    before = outputs_of(graph, net.photo())
    choose_output(graph, "depth")
    find_head(graph)
    np.testing.assert_allclose(outputs_of(graph, net.photo())["depth"], before["depth"], rtol=1e-5)


@pytest.mark.parametrize("kind", ["BILINEAR", "NEAREST_NEIGHBOR"])
@pytest.mark.parametrize("behind", [True, False])
def test_a_resize_behind_the_head_is_dropped(kind: str, behind: bool) -> None:
    net = Net()
    y = net.conv(net.features(), 1, 3)
    small = net.unary("EXP", y)
    large = (
        net.resize(small, 24, 32, kind) if behind else net.unary("EXP", net.resize(y, 24, 32, kind))
    )
    graph = net.finish(depth=net.reshape(large, 1, 24, 32))
    expected = GraphRunner(graph, [small])({net.image: net.photo()})[small]
    head = find_head(graph)
    assert head.full_size == (24, 32)
    assert head.dropped == (f"RESIZE_{kind} to 24x32",)
    np.testing.assert_allclose(outputs_of(graph, net.photo())["depth"], expected, rtol=1e-6)


def image_dependent_bins(net: Net) -> Tensor:
    features = net.features()
    shares, centers = net.softmax(net.conv(features, 6)), net.conv(features, 6)
    return net.reduce("SUM", net.binary("MUL", shares, centers), 3)


def crop_behind_resize(net: Net) -> Tensor:
    large = net.resize(net.conv(net.features()), 24, 32)
    return net.slice(large, [0, 0, 0, 0], [1, 20, 32, 1])


REFUSED: dict[str, tuple[Build, str]] = {
    "image-dependent bins": (image_dependent_bins, "SUM .*centers depend on the image"),
    "product": (lambda n: n.binary("MUL", n.conv(n.features()), n.conv(n.features())), "combines"),
    "other constant at each pixel": (
        lambda n: n.binary("MUL", n.conv(n.features()), np.arange(192.0).reshape(1, 12, 16, 1)),
        "MUL .*differs from pixel to pixel",
    ),
    "crop behind resize": (crop_behind_resize, "SLICE .*after RESIZE_BILINEAR"),
    "pooled": (
        lambda n: n.add(
            "MAX_POOL_2D",
            [n.conv(n.features())],
            (1, 12, 16, 1),
            options(
                "Pool2DOptions", padding=SAME, strideH=1, strideW=1, filterHeight=3, filterWidth=3
            ),
        ),
        "MAX_POOL_2D .*neither linear",
    ),
    "the image itself": (
        lambda n: n.unary("EXP", n.slice(n.image, [0, 0, 0, 0], [1, 12, 16, 1])),
        "input image",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name_and_left_as_it_was(name: str) -> None:
    build, words = REFUSED[name]
    graph, net = built(build)
    before = outputs_of(graph, net.photo())["depth"]
    with pytest.raises(ConversionError, match=f"(?s){words}.*--head single"):
        find_head(graph)
    np.testing.assert_array_equal(outputs_of(graph, net.photo())["depth"], before)


def test_what_computes_from_several_pixels_is_noticed_whatever_its_name_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph, _ = built(REFUSED["pooled"][0])
    for module in (walk, tail):
        monkeypatch.setattr(module, "POINTWISE", POINTWISE | {"MAX_POOL_2D"})
    with pytest.raises(ConversionError, match="each pixel by itself"):
        find_head(graph)


def test_pixels_that_move_unnoticed_are_noticed_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    net = Net()
    y = net.conv(net.features())
    graph = net.finish(depth=net.add("REVERSE_V2", [y, net.number([2], np.int32)], y.shape))
    monkeypatch.setattr(walk, "keeps_order", lambda *_: True)
    with pytest.raises(ConversionError, match="each pixel by itself"):
        find_head(graph)
