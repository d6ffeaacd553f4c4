from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.converters.graph import exported_activations as exported
from tests.converters.graph.build import Build
from tests.converters.graph.same import applied, kinds
from tfl_depth.converters.graph import Graph, Tensor
from tfl_depth.converters.graph.fusion import fuse_activations, unfuse_activations
from tfl_depth.converters.graph.rewrites import canonicalize
from tfl_depth.converters.graph.rewrites.activations import recognize_activations

_SOFTPLUS = ["RELU", "ABS", "LOGISTIC", "LOG", "SUB"]
_MISH = ["LOGISTIC", "SUB", "MUL", "ADD", "RSQRT", "MUL", "SUB", "MUL", "ADD"]

Write = Callable[[Build, Tensor], Tensor]

CASES: dict[Write, list[str]] = {
    exported.elu_pt: ["ELU"],
    exported.celu_tf: ["ELU"],
    exported.selu_tf: ["ELU", "MUL", "RELU", "MUL", "ADD"],
    exported.gelu_o2t: ["GELU"],
    exported.gelu_tanh_o2t: ["GELU"],
    exported.hard_swish_o2t: ["HARD_SWISH"],
    exported.hard_swish_by_clipping: ["HARD_SWISH"],
    exported.silu_by_exp: ["LOGISTIC", "MUL"],
    exported.softplus_tf: _SOFTPLUS,
    exported.softplus_pt: _SOFTPLUS,
    exported.log_sigmoid_tf: ["MINIMUM", "ABS", "LOGISTIC", "LOG", "ADD"],
    exported.mish_tf: _MISH,
    exported.mish_pt: _MISH,
    exported.softsign_tf: ["ABS", "ADD", "RSQRT", "MUL", "MUL"],
    exported.relu_by_maximum: [],  # the convolution applies it
    exported.leaky_relu_by_maximum: ["LEAKY_RELU"],
    exported.prelu_pt: ["PRELU"],
    exported.prelu_of_one_slope: ["LEAKY_RELU"],
}


def _recognize(graph: Graph) -> int:
    unfuse_activations(graph)
    count = recognize_activations(graph, {})
    fuse_activations(graph)
    return count


@pytest.mark.parametrize("write", CASES, ids=lambda write: write.__name__)
def test_activations_are_told_however_they_are_written(
    write: Write,
) -> None:
    build = Build(1, 6, 8, 3)
    y = write(build, build.conv(build.x, 4))
    graph = build.graph(build.conv(y, 2))
    assert applied(graph, _recognize, spread=2.0) == 1
    assert kinds(graph) == ["CONV_2D", *CASES[write], "CONV_2D"]
    assert _recognize(graph) == 0


def test_activations_in_a_row_are_told_one_by_one() -> None:
    build = Build(1, 6, 8, 3)
    y = exported.gelu_tanh_o2t(build, exported.elu_pt(build, build.binary("MUL", build.x, 1.5)))
    graph = build.graph(exported.mish_tf(build, build.unary("ELU", y)))
    assert applied(graph, _recognize) == 3
    assert kinds(graph) == ["MUL", "ELU", "GELU", "ELU", *_MISH]


def test_a_number_of_the_formula_may_be_in_the_kernel_behind() -> None:
    build = Build(1, 6, 8, 3)
    y = exported.gelu_tanh_o2t(build, build.conv(build.x, 4))
    graph = build.graph(build.conv(y, 2))
    canonicalize(graph)
    assert kinds(graph)[-2:] == ["MUL", "CONV_2D"]
    applied(graph, _recognize)
    assert kinds(graph) == ["CONV_2D", "GELU", "MUL", "CONV_2D"]


def _almost_hard_swish(build: Build, x: Tensor) -> Tensor:
    share = build.binary("ADD", x, 2.9, "RELU6")
    return build.binary("MUL", build.binary("MUL", x, share), 1 / 6)


def _almost_gelu(build: Build, x: Tensor) -> Tensor:
    share = build.unary("TANH", build.binary("MUL", x, 0.7978845608))
    return build.binary("MUL", build.binary("MUL", x, 0.5), build.binary("ADD", share, 1.0))


def _almost_elu(build: Build, x: Tensor) -> Tensor:
    below = build.binary("SUB", build.unary("EXP", x), 1.0)
    condition = build.apply("GREATER", [x, 0.5], x.shape, dtype=np.bool_)
    return build.apply("SELECT", [condition, x, below], x.shape)


def _gate(build: Build, x: Tensor) -> Tensor:
    """SiLU but for the other tensor that it multiplies."""
    return build.binary("MUL", build.unary("LOGISTIC", x), build.conv(build.x, 4))


def _tiny_offsets(build: Build, x: Tensor) -> Tensor:
    return build.binary("ADD", x, build.random(4) * 1e-6)


def _relu_up_to_100(build: Build, x: Tensor) -> Tensor:
    return build.binary("MINIMUM", build.binary("MAXIMUM", x, 0.0), 100.0)


def _slopes_of_rows(build: Build, x: Tensor) -> Tensor:
    return build.apply("PRELU", [x, build.random(6, 1, 1)], x.shape)


@pytest.mark.parametrize(
    "write",
    [_almost_hard_swish, _almost_elu, _gate, _tiny_offsets, _slopes_of_rows],
    ids=lambda write: write.__name__,
)
def test_what_is_almost_an_activation_stays(write: Write) -> None:
    build = Build(1, 6, 8, 3)
    graph = build.graph(write(build, build.conv(build.x, 4)))
    before = kinds(graph)
    assert applied(graph, _recognize) == 0
    assert kinds(graph) == before


def test_gelu_by_another_formula_is_its_own_kind_of_swish() -> None:
    """x (1 + tanh(a x)) / 2 is x sigmoid(2 a x), exactly; it is no GELU."""
    build = Build(1, 6, 8, 3)
    graph = build.graph(_almost_gelu(build, build.x))
    assert applied(graph, _recognize) == 1
    assert kinds(graph) == ["MUL", "LOGISTIC", "MUL"]


def test_a_limit_far_away_stays() -> None:
    build = Build(1, 6, 8, 3)
    graph = build.graph(_relu_up_to_100(build, build.binary("MUL", build.x, 90.0)))
    applied(graph, _recognize)
    assert kinds(graph) == ["MUL", "MINIMUM"]
    assert graph.operators[0].options.fusedActivationFunction == 1
