from __future__ import annotations

import numpy as np

from tests.converters.graph.build import Build
from tests.converters.graph.same import applied, kinds
from tfl_depth.converters.graph import options
from tfl_depth.converters.graph.rewrites.constants import fold_constants
from tfl_depth.converters.graph.rewrites.identities import drop_identities
from tfl_depth.converters.graph.rewrites.shapes import write_reshapes

SHAPE = (1, 6, 8, 3)


def test_float16_weights_become_float32_constants() -> None:
    build = Build(*SHAPE)
    y = build.conv(build.x, 4, 3)
    kernel = build.operators[0].input(1)
    half = build.constant(kernel.constant, np.float16)
    build.operators[0].inputs[1] = build.apply("DEQUANTIZE", [half])
    build.operators.reverse()
    graph = build.graph(y)
    applied(graph, fold_constants)
    assert kinds(graph) == ["CONV_2D"]
    assert np.array_equal(graph.operators[0].input(1).constant, half.constant.astype(np.float32))


def test_arithmetic_of_shapes_as_onnx2tf_writes_it_is_computed() -> None:
    build = Build(*SHAPE)
    made = options("ShapeOptions", outType=2)
    shape = build.apply("SHAPE", [build.x], (4,), made, np.int32)
    batch = build.apply("SLICE", [shape, [0], [1]], (1,), options("SliceOptions"), np.int32)
    target = build.apply(
        "CONCATENATION", [batch, [-1], [3]], (3,), options("ConcatenationOptions"), np.int32
    )
    y = build.apply("RESHAPE", [build.x, target], (1, 48, 3))
    graph = build.graph(y)
    applied(graph, fold_constants)
    applied(graph, write_reshapes)
    assert kinds(graph) == ["RESHAPE"]
    assert graph.operators[0].input(1).constant.tolist() == [1, 48, 3]


def test_what_depends_on_the_image_stays() -> None:
    build = Build(*SHAPE)
    graph = build.graph(build.binary("ADD", build.x, build.constant(1.5)))
    assert applied(graph, fold_constants) == 0
    assert kinds(graph) == ["ADD"]


def test_operators_that_change_nothing_go() -> None:
    build = Build(*SHAPE)
    y = build.binary("MUL", build.binary("ADD", build.x, 0.0), build.constant(np.ones(3)))
    y = build.reshape(build.transpose(y, 0, 1, 2, 3), *SHAPE)
    y = build.unary("RELU", build.unary("RELU6", build.pad(y, [(0, 0)] * 4)))
    y = build.binary("SUB", build.conv(y, 2), 0.0)
    graph = build.graph(build.slice(y, (0, 0, 0, 0), y.shape))
    assert applied(graph, drop_identities) == 8
    assert kinds(graph) == ["RELU6", "CONV_2D"]


def test_operators_that_nearly_change_nothing_stay() -> None:
    build = Build(1, 4, 4, 4)
    y = build.binary("SUB", 0.0, build.binary("MUL", build.x, np.array([1, 1, 1, 1.001])))
    y = build.unary("RELU6", build.unary("RELU", build.transpose(y, 0, 2, 1, 3)))
    y = build.binary("MUL", y, build.constant(np.ones((2, 1, 1, 1))))
    graph = build.graph(y)
    assert applied(graph, drop_identities) == 0
