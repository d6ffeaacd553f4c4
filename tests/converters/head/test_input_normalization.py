"""Pixels reach a network as codes, whatever the network or its program does to them first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.converters.head.networks import RELU, SAME, VALID, Net, outputs_of
from tfl_depth.converters.graph import Tensor, options
from tfl_depth.converters.graph.rewrites.input_normalization import (
    InputOptions,
    InputStage,
    take_input,
)
from tfl_depth.converters.quantize.parameters import activation_quantization
from tfl_depth.errors import ConversionError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Of pixels of 0 to 255.
CAFFE = (103.939, 116.779, 123.68)
Prepare = Callable[[Net, Tensor], Tensor]


def photos(count: int = 3) -> list[npt.NDArray[np.uint8]]:
    random = np.random.default_rng(1)
    return [random.integers(0, 256, (12, 16, 3)).astype(np.uint8) for _ in range(count)]


def scalar(scale: float, offset: float) -> Prepare:
    return lambda net, x: net.binary("ADD", net.binary("MUL", x, scale), offset)


def imagenet(net: Net, x: Tensor) -> Tensor:
    """Of pixels of 0 to 255, as torchvision does it."""
    shifted = net.binary("SUB", net.binary("DIV", x, 255.0), np.reshape(MEAN, (1, 1, 1, 3)))
    return net.binary("DIV", shifted, STD)


def swapped_by_reverse(net: Net, x: Tensor) -> Tensor:
    return net.add("REVERSE_V2", [x, net.number([3], np.int32)], x.shape)


def swapped_by_gather(net: Net, x: Tensor) -> Tensor:
    made = options("GatherOptions", axis=3)
    return net.add("GATHER", [x, net.number([2, 1, 0], np.int32)], x.shape, made)


def swapped_by_split(net: Net, x: Tensor) -> Tensor:
    return net.concatenate(*(net.slice(x, [0, 0, 0, c], [1, 12, 16, 1]) for c in (2, 1, 0)))


def each_channel_apart(net: Net, x: Tensor) -> Tensor:
    """As torchvision's Inception transforms its input."""
    channels = [net.slice(x, [0, 0, 0, c], [1, 12, 16, 1]) for c in range(3)]
    return net.concatenate(
        *(
            net.binary("ADD", net.binary("MUL", channel, 1 / (255 * std)), -mean / std)
            for channel, mean, std in zip(channels, MEAN, STD, strict=True)
        )
    )


def caffe(net: Net, x: Tensor) -> Tensor:
    return net.binary("SUB", swapped_by_reverse(net, x), CAFFE)


def through_mirror_pad(net: Net, x: Tensor) -> Tensor:
    padding = net.number([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32)
    made = options("MirrorPadOptions")
    return net.add("MIRROR_PAD", [imagenet(net, x), padding], (1, 14, 18, 3), made)


def through_pad(net: Net, x: Tensor) -> Tensor:
    padding = net.number([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32)
    return net.add("PAD", [imagenet(net, x), padding], (1, 14, 18, 3), options("PadOptions"))


def taken(
    prepare: Prepare, given: InputOptions, padding: int = SAME, seed: int = 0
) -> tuple[Net, InputStage, npt.NDArray[np.float32]]:
    """Take the input of a network, and the difference at each pixel of its output, (10, 14)."""
    net = Net(seed=seed)
    features = net.conv(prepare(net, net.image), 8, 3, activation=RELU, padding=padding)
    graph = net.finish(depth=net.conv(features))
    stage_of = InputStage(
        net.image, 0, 255, (1,) * 3, (0,) * 3, "folded", 0, given, net.image.shape
    )
    before = [outputs_of(graph, stage_of.source_input(photo))["depth"] for photo in photos()]
    stage = take_input(graph, given, photos())
    after = [outputs_of(graph, stage.network_input(photo))["depth"] for photo in photos()]
    return net, stage, np.abs(np.subtract(after, before)).max(axis=0)[0, ..., 0]


RAW = InputOptions(input_range=(0, 255))
INSIDE = InputOptions()
EXACT: dict[str, tuple[Prepare, InputOptions, int, str]] = {
    "lite0's own": (scalar(1 / 128, -127 / 128), INSIDE, SAME, "input scale"),
    "0 to 1 outside": (lambda n, x: x, InputOptions(input_range=(0, 1)), SAME, "input scale"),
    "0 to 1 outside, -1 to 1 by the network": (
        scalar(255 / 127, -1),
        InputOptions(input_range=(0, 1)),
        SAME,
        "input scale",
    ),
    "raw": (lambda n, x: x, RAW, SAME, "input scale"),
    "-1 to 1": (scalar(1 / 127.5, -1), INSIDE, VALID, "folded"),
    "imagenet inside": (imagenet, INSIDE, VALID, "folded"),
    "imagenet outside": (lambda n, x: x, InputOptions(MEAN, STD), VALID, "folded"),
    "negative": (
        lambda n, x: n.binary("DIV", n.binary("SUB", 255.0, x), 255.0),
        INSIDE,
        VALID,
        "folded",
    ),
    "mirrored border": (through_mirror_pad, INSIDE, VALID, "folded"),
    "each channel apart": (each_channel_apart, INSIDE, VALID, "folded"),
    "caffe": (caffe, INSIDE, VALID, "folded"),
    "bgr outside": (
        lambda n, x: x,
        InputOptions(input_range=(-1, 1), channels="bgr"),
        VALID,
        "folded",
    ),
    "bgr by gather": (swapped_by_gather, InputOptions(MEAN, STD), VALID, "folded"),
    "bgr by split": (swapped_by_split, InputOptions(MEAN, STD), VALID, "folded"),
    "bgr twice": (
        swapped_by_reverse,
        InputOptions(input_range=(0, 1), channels="bgr"),
        SAME,
        "input scale",
    ),
}


@pytest.mark.parametrize("name", EXACT)
def test_exact_everywhere_and_without_an_operator(name: str) -> None:
    prepare, given, padding, way = EXACT[name]
    net, stage, difference = taken(prepare, given, padding)
    assert stage.way == way and stage.border_difference == 0
    assert difference.max() < 5e-5
    assert {op.kind for op in net.graph.operators} <= {"CONV_2D", "MIRROR_PAD"}


@pytest.mark.parametrize("prepare", [imagenet, through_pad, scalar(1 / 127.5, -1)])
def test_zeros_around_the_picture_change_its_border_alone(prepare: Prepare) -> None:
    padding = VALID if prepare is through_pad else SAME
    net, stage, difference = taken(prepare, INSIDE, padding)
    assert difference[1:-1, 1:-1].max() < 2e-5
    if stage.way == "folded":
        assert 1e-5 < stage.border_difference <= 0.01
        assert difference.max() > 1e-4
    else:
        assert net.graph.operators[0].kind == "DEPTHWISE_CONV_2D"
        assert difference.max() < 2e-5


def test_the_border_is_kept_where_it_counts() -> None:
    # Photos that are nearly gray, so that the output's spread is small beside the border.
    gray = [(120 + photo // 64).astype(np.uint8) for photo in photos()]
    net = Net()
    graph = net.finish(depth=net.conv(imagenet(net, net.image), 1, 3))
    expected = outputs_of(graph, gray[0][None].astype(np.float32))["depth"]
    stage = take_input(graph, INSIDE, gray)
    assert stage.way == "convolution"
    assert [op.kind for op in graph.operators] == ["DEPTHWISE_CONV_2D", "CONV_2D"]
    found = outputs_of(graph, stage.network_input(gray[0]))["depth"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_picture_that_others_take_too_is_normalized_by_a_convolution() -> None:
    net = Net()
    picture = caffe(net, net.image)
    features = net.conv(picture, 8, 3, activation=RELU)
    graph = net.finish(depth=net.conv(net.concatenate(features, picture), 1, 1))
    expected = outputs_of(graph, photos()[0][None].astype(np.float32))["depth"]
    stage = take_input(graph, INSIDE, photos())
    assert stage.way == "convolution"
    assert [op.kind for op in graph.operators].count("CONV_2D") == 3
    found = outputs_of(graph, stage.network_input(photos()[0]))["depth"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_a_depthwise_convolution_of_pixels() -> None:
    net = Net()
    x = net.depthwise(imagenet(net, net.image), 2)
    net.graph.operators[-1].options.padding = VALID
    x = net.graph.operators[-1].outputs[0] = Tensor("cut", (1, 10, 14, 6), x.dtype)
    graph = net.finish(depth=net.conv(x))
    expected = outputs_of(graph, photos()[0][None].astype(np.float32))["depth"]
    stage = take_input(graph, INSIDE, photos())
    assert stage.way == "folded"
    found = outputs_of(graph, stage.network_input(photos()[0]))["depth"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_codes_are_pixels_less_128_and_the_contract_says_the_whole_normalization() -> None:
    _, stage, _ = taken(imagenet, INSIDE, VALID)
    quantization = activation_quantization((stage.low, stage.high), 8)
    codes = photos()[0].astype(int) - 128
    values = quantization.scales[0] * (codes - quantization.zero_points[0])
    np.testing.assert_allclose(values[None], stage.network_input(photos()[0]), atol=1e-5)
    np.testing.assert_allclose(stage.scale, 1 / (255 * np.array(STD)))
    np.testing.assert_allclose(stage.offset, -np.array(MEAN) / STD)
    _, stage, _ = taken(caffe, INSIDE, VALID)
    assert stage.scale == (1, 1, 1)
    np.testing.assert_allclose(stage.offset, [-value for value in CAFFE[::-1]], rtol=1e-6)


def test_a_float_graph_can_take_the_pixels_themselves() -> None:
    net, stage, _ = taken(imagenet, INSIDE, VALID)
    expected = outputs_of(net.graph, stage.network_input(photos()[0]))["depth"]
    stage.take_pixels(net.graph)
    found = outputs_of(net.graph, photos()[0][None].astype(np.float32))["depth"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_source_that_takes_channels_first() -> None:
    net = Net()
    graph = net.finish(depth=net.conv(net.image))
    stage = take_input(graph, InputOptions(input_range=(0, 1)), source_shape=(1, 3, 12, 16))
    found = stage.source_input(photos()[0])
    np.testing.assert_allclose(found, photos()[0].transpose(2, 0, 1)[None] / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"mean": (123.7, 116.3, 103.5)}, "divide it by 255"),
        ({"std": (58.0, 57.0, 57.0)}, "divide it by 255"),
        ({"std": (0.0,)}, "--std"),
        ({"mean": (0.5, 0.5)}, "1 or 3 numbers"),
        ({"input_range": (1.0, 0.0)}, "ascend"),
        ({"input_range": (0.0, 1.0), "mean": (0.5,)}, "not both"),
        ({"channels": "rbg"}, "`channels` to be"),
    ],
)
def test_options_that_make_no_sense(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        InputOptions(**given)


@pytest.mark.parametrize(
    ("prepare", "given", "words"),
    [
        (lambda n, x: x, INSIDE, "unknown. Set --input-range"),
        (swapped_by_reverse, InputOptions(channels="bgr"), "unknown"),
        (scalar(1 / 0.225, -2), INSIDE, "--input-range 0,1"),
        (scalar(1 / 255, 0), InputOptions(input_range=(0, 1)), "omit --input-range"),
        (imagenet, InputOptions(MEAN, STD), "omit"),
    ],
)
def test_a_scale_that_is_missing_or_applied_twice(
    prepare: Prepare, given: InputOptions, words: str
) -> None:
    net = Net()
    graph = net.finish(depth=net.conv(prepare(net, net.image), 1, 3))
    with pytest.raises(ConversionError, match=words):
        take_input(graph, given, photos())


def test_no_picture() -> None:
    net = Net(channels=4)
    graph = net.finish(depth=net.conv(net.image))
    with pytest.raises(ConversionError, match=r"one input \(1, H, W, 3\)"):
        take_input(graph, RAW)
