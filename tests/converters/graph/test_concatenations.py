from __future__ import annotations

import numpy as np

from tests.converters.graph.build import Build, Floats
from tests.converters.graph.same import applied, counts, kinds
from tfl_depth.converters.graph import Graph, GraphRunner, Tensor
from tfl_depth.converters.graph.rewrites.concatenations import (
    equalize_concatenations,
    measure_magnitudes,
)
from tfl_depth.converters.quantize.integer import QuantizationPlan, quantized

SHAPE = (1, 8, 12, 3)


def _image() -> Floats:
    return np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


def _equalize(graph: Graph) -> int:
    return equalize_concatenations(graph, measure_magnitudes(graph, [_image()]))


def _unlike(build: Build, *, skip_is_shared: bool) -> tuple[Graph, Tensor]:
    """A decoder's features, 50 times as large as the skip beside them."""
    skip = build.conv(build.x, 4, 3, activation="RELU")
    large = build.binary("MUL", build.conv(build.x, 5, 3), 50.0)
    y = build.conv(build.concat(large, skip), 3, 3)
    others = (build.unary("ABS", skip),) if skip_is_shared else ()
    return build.graph(y, *others), y


def test_a_small_branch_grows_by_its_own_kernel_or_by_a_factor() -> None:
    for shared, muls in ((False, 1), (True, 2)):
        build = Build(*SHAPE)
        graph, _ = _unlike(build, skip_is_shared=shared)
        assert applied(graph, _equalize) == 1
        assert counts(graph)["MUL"] == muls
        magnitudes = sorted(measure_magnitudes(graph, [_image()]).values())
        assert magnitudes[1] < 1.01 * magnitudes[0]
        assert applied(graph, _equalize) == 0


def _error_in_int8(graph: Graph, y: Tensor) -> float:
    """Of what the skip alone contributes to y, by int8 kernels."""
    image = _image()
    (source,) = graph.inputs.values()
    values = GraphRunner(graph, graph.computed())({source: image})
    ranges = {tensor: (float(v.min()), float(v.max())) for tensor, v in values.items()}
    made = quantized(graph, QuantizationPlan(ranges=ranges))
    (taken,) = made.inputs.values()
    result = made.outputs["output_0"]
    assert taken.quantization is not None and result.quantization is not None
    codes = np.rint(image / taken.quantization.scales[0]) + taken.quantization.zero_points[0]
    found = GraphRunner(made, [result])({taken: np.clip(codes, -128, 127).astype(np.int8)})[result]
    (scale,), (zero,) = result.quantization.scales, result.quantization.zero_points
    return float(np.abs(scale * (found.astype(float) - zero) - values[y]).mean())


def test_int8_keeps_a_small_branch_that_is_brought_to_the_size_of_the_large_one() -> None:
    """Where only the small branch reaches the result, whose own step is then fine."""
    errors = []
    for equalizes in (False, True):
        build = Build(*SHAPE)
        graph, y = _unlike(build, skip_is_shared=True)
        last = next(op for op in graph.operators if op.output is y)
        kernel = last.input(1).constant.copy()
        kernel[..., :5] = 0
        last.inputs[1] = build.constant(kernel)
        if equalizes:
            assert _equalize(graph) == 1
        errors.append(_error_in_int8(graph, y))
    assert errors[1] < errors[0] / 4


def test_branches_of_like_ranges_stay() -> None:
    build = Build(*SHAPE)
    a, b = build.conv(build.x, 4), build.binary("MUL", build.conv(build.x, 4), 1.5)
    graph = build.graph(build.conv(build.concat(a, b), 3))
    assert applied(graph, _equalize) == 0


def test_a_concatenation_that_others_take_as_it_is_stays() -> None:
    for taker in ("ABS", "output"):
        build = Build(*SHAPE)
        large = build.binary("MUL", build.conv(build.x, 4), 50.0)
        joined = build.concat(build.conv(build.x, 4), large)
        others = (build.unary("ABS", joined),) if taker == "ABS" else (joined,)
        graph = build.graph(build.conv(joined, 3), *others)
        before = kinds(graph)
        assert applied(graph, _equalize) == 0
        assert kinds(graph) == before


def test_a_branch_with_a_ceiling_grows_by_a_factor_behind_it() -> None:
    build = Build(*SHAPE)
    large = build.binary("MUL", build.conv(build.x, 4), 500.0)
    joined = build.concat(build.conv(build.x, 4, activation="RELU6"), large)
    graph = build.graph(build.depthwise(joined))
    assert applied(graph, _equalize) == 1
    assert counts(graph)["MUL"] == 2
