"""Which output is the depth, and the heads that keep the network's own end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.converters.head.networks import RELU, Net, outputs_of
from tfl_depth.converters.graph import GraphRunner, Tensor
from tfl_depth.converters.head import (
    Formula,
    choose_output,
    depth_function,
    find_head,
    measure_curve,
    resize_difference,
    single_head,
)
from tfl_depth.errors import ConversionError

PLAIN = Formula()


def several() -> tuple[Net, dict[str, Tensor]]:
    net = Net()
    features = net.features()
    fine, coarse = net.conv(features), net.conv(net.conv(features, 4, 3, stride=2))
    return net, {"coarse": coarse, "fine": net.transpose(fine, 0, 3, 1, 2), "features": features}


def test_the_finest_map_is_kept_and_what_computes_others_is_not() -> None:
    net, outputs = several()
    graph = net.finish(**outputs)
    assert choose_output(graph) == "fine"
    assert list(graph.outputs) == ["fine"]
    assert [op.kind for op in graph.operators] == ["CONV_2D", "CONV_2D", "TRANSPOSE"]


def test_an_output_by_its_name_or_that_of_its_tensor() -> None:
    net, outputs = several()
    assert choose_output(net.finish(**outputs), "coarse") == "coarse"
    assert choose_output(net.finish(**outputs), outputs["coarse"].name) == "coarse"


def test_refuses_to_choose_and_says_among_what() -> None:
    net, outputs = several()
    twin = net.conv(outputs["features"])
    with pytest.raises(ConversionError, match=r"(?s)fine.*twin.*--output-name"):
        choose_output(net.finish(**outputs, twin=twin))
    with pytest.raises(ConversionError, match=r"no output depth.*coarse"):
        choose_output(net.finish(**outputs), "depth")
    with pytest.raises(ConversionError, match=r"features to be one map.*\(1, 12, 16, 8\)"):
        choose_output(net.finish(**outputs), "features")


# What stands behind the last convolution, the formula outside, and meters of its value.
SINGLE: dict[str, tuple[Callable[[Net, Tensor], Tensor], Formula, set[str]]] = {
    "folded line": (
        lambda n, y: n.binary("SUB", n.binary("MUL", y, -40.0), -200.0),
        Formula("cm"),
        {"CONV_2D"},
    ),
    "relu at the end of the range": (lambda n, y: n.unary("RELU", y), PLAIN, {"CONV_2D"}),
    "clip inside the range": (
        lambda n, y: n.binary("MAXIMUM", y, 0.3),
        PLAIN,
        {"CONV_2D", "MAXIMUM"},
    ),
    "sigmoid in millimeters": (
        lambda n, y: n.binary("MUL", n.unary("LOGISTIC", y), 9000.0),
        Formula("mm"),
        {"CONV_2D", "LOGISTIC", "MUL"},
    ),
    "disparity": (
        lambda n, y: n.unary("LOGISTIC", y),
        Formula(disparity=(0.5, 9)),
        {"CONV_2D", "LOGISTIC", "MUL", "ADD", "DIV"},
    ),
    "reciprocal": (
        lambda n, y: n.binary("ADD", n.unary("EXP", y), 0.5),
        Formula(reciprocal=4.0),
        {"CONV_2D", "EXP", "ADD", "DIV"},
    ),
}


@pytest.mark.parametrize("name", SINGLE)
def test_single_head(name: str) -> None:
    tail, formula, kinds = SINGLE[name]
    net = Net()
    graph = net.finish(depth=net.reshape(tail(net, net.conv(net.features())), 1, 12, 16))
    expected = np.clip(formula(outputs_of(graph, net.photo())["depth"][0]), 0, 10)
    head = find_head(graph)
    values = GraphRunner(graph, [head.y])({net.image: net.photo()})[head.y]
    seen = float(values.min()), float(values.max())
    curve = measure_curve(depth_function(head, formula), seen, (0, 10))
    made = single_head(graph, head, curve, formula, max_depth_m=10, integers=False)
    found = outputs_of(graph, net.photo())
    assert made.depth.shape == (1, 12, 16, 1) and list(found) == ["depth"]
    assert made.pinned == {made.depth: (0, 10)}
    assert {op.kind for op in graph.operators} == kinds
    np.testing.assert_allclose(np.clip(found["depth"], 0, 10)[0, ..., 0], expected, atol=1e-4)


def test_a_single_head_in_integers_does_not_divide() -> None:
    net = Net()
    inverse = net.binary(
        "DIV", 1.0, net.binary("ADD", net.unary("EXP", net.conv(net.features())), 0.5)
    )
    graph = net.finish(depth=inverse)
    head = find_head(graph)
    with pytest.raises(ConversionError, match=r"(?s)divide.*DIV.*--head split"):
        single_head(graph, head, None, PLAIN, max_depth_m=10, integers=True)
    with pytest.raises(ConversionError, match=r"(?s)divide.*depth = 3 / output.*--head split"):
        single_head(graph, None, None, Formula(reciprocal=3), max_depth_m=10, integers=True)


def test_a_single_head_of_an_end_that_is_not_understood() -> None:
    net = Net()
    features = net.features()
    product = net.binary("MUL", net.conv(features, activation=RELU), net.conv(features))
    graph = net.finish(depth=net.reshape(net.resize(product, 24, 32), 1, 1, 24, 32))
    with pytest.raises(ConversionError, match="--head single"):
        find_head(graph)
    expected = GraphRunner(graph, [product])({net.image: net.photo()})[product]
    single_head(graph, None, None, PLAIN, max_depth_m=10, integers=True)
    np.testing.assert_allclose(outputs_of(graph, net.photo())["depth"], expected)


def test_the_difference_that_a_dropped_resize_makes() -> None:
    small = np.random.default_rng(0).uniform(1, 5, (12, 16))
    nearest = small.repeat(2, axis=0).repeat(2, axis=1)
    same = resize_difference([(small, small)])
    assert same.max_mm < 1e-3
    # The runtime's pixels lie a quarter of the way to their neighbors.
    found = resize_difference([(nearest, small)])
    assert 10 < found.median_mm < found.p95_mm < found.max_mm < 4000


@pytest.mark.parametrize(
    ("given", "output", "depth_m"),
    [
        ({}, 2.5, 2.5),
        ({"unit": "cm"}, 250, 2.5),
        ({"unit": "mm"}, 2500, 2.5),
        ({"inverse": True}, 0.4, 2.5),
        ({"reciprocal": 5.0}, 2, 2.5),
        ({"reciprocal": 500.0, "unit": "cm"}, 2, 2.5),
        # As monodepth2 writes it: 1 / (min_disp + (max_disp - min_disp) * disp).
        ({"disparity": (0.1, 100)}, 0.3, 1 / (0.01 + (10 - 0.01) * 0.3)),
        ({"inverse": True}, 0, np.inf),
    ],
)
def test_formulas(given: dict[str, object], output: float, depth_m: float) -> None:
    assert Formula(**given)(output) == pytest.approx(depth_m)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"unit": "inch"}, "`unit` to be"),
        ({"disparity": (10, 0.1)}, "ascending"),
        ({"disparity": (0, 10)}, "above 0"),
        ({"reciprocal": -1.0}, "above 0"),
        ({"inverse": True, "reciprocal": 2.0}, "one of"),
    ],
)
def test_formulas_that_make_no_sense(given: dict[str, object], words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        Formula(**given)  # type: ignore[arg-type]
