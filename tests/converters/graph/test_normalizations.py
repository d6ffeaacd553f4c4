from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.converters.graph import exported_normalizations as exported
from tests.converters.graph.build import Build
from tests.converters.graph.same import applied, counts, kinds
from tfl_depth.converters.graph import Graph, GraphRunner, Tensor
from tfl_depth.converters.graph.rewrites import canonicalize, prepare_for_int8
from tfl_depth.converters.quantize.integer import QuantizationPlan, quantized

SHAPE = (1, 6, 8, 4)
_LAYER = "FULLY_CONNECTED MUL FULLY_CONNECTED RSQRT MUL CONV_2D"
_ROOT = "MUL FULLY_CONNECTED RSQRT MUL CONV_2D"
_INSTANCE = "MEAN SUB MUL MEAN ADD RSQRT MUL CONV_2D"
# Here the factor is no longer apart, so that it joins the deviation.
_GROUP = "MEAN FULLY_CONNECTED SUB MUL MEAN FULLY_CONNECTED RSQRT MUL MUL CONV_2D"

Write = Callable[[Build, Tensor], Tensor]

CASES: dict[Write, str] = {
    exported.layer_tf: _LAYER,
    exported.layer_by_moments_tf: _LAYER,
    exported.layer_of_tokens_pt: _LAYER,
    exported.layer_of_channels_first_pt: _LAYER,
    exported.layer_o2t: _LAYER,
    exported.layer_by_squares: _LAYER,
    exported.root_mean_square_tf: _ROOT,
    exported.unit_length_pt: _ROOT,
    exported.group_tf: _GROUP,
    exported.group_pt: _GROUP,
    exported.group_o2t: _GROUP,
    exported.group_without_factor_pt: _GROUP.replace("MUL MUL", "MUL"),
    exported.instance_pt: _INSTANCE,
}


def _prepare(graph: Graph) -> None:
    canonicalize(graph)
    prepare_for_int8(graph, [])


@pytest.mark.parametrize("write", CASES, ids=lambda write: write.__name__)
def test_normalizations_are_told_however_they_are_written(write: Write) -> None:
    """Factor and offset, where they are apart, go into the 1x1 convolution behind."""
    build = Build(*SHAPE)
    graph = build.graph(build.conv(write(build, build.x), 3))
    applied(graph, _prepare)
    assert kinds(graph) == CASES[write].split()


def test_a_normalization_between_padded_convolutions_keeps_factor_and_offset() -> None:
    """The first convolution subtracts the mean, and a depthwise one scales."""
    build = Build(*SHAPE)
    y = exported.layer_tf(build, build.conv(build.x, 5, 3))
    graph = build.graph(build.conv(y, 3, 3))
    applied(graph, _prepare)
    expected = "CONV_2D MUL FULLY_CONNECTED RSQRT MUL DEPTHWISE_CONV_2D CONV_2D"
    assert kinds(graph) == expected.split()


def _almost(build: Build, x: Tensor, axis: int = 3, share: float = 1.0) -> Tensor:
    """Layer normalization with another axis or mean in one place."""
    mean = build.reduce("MEAN", x, 3)
    centered = build.binary("SUB", x, build.binary("MUL", mean, share))
    squares = build.binary("SQUARED_DIFFERENCE", x, mean)
    variance = build.binary("ADD", build.reduce("MEAN", squares, axis), 1e-3)
    return build.binary("MUL", centered, build.unary("RSQRT", variance))


@pytest.mark.parametrize("wrong", [{"axis": 2}, {"share": 0.9}])
def test_what_is_almost_a_normalization_stays(wrong: dict[str, float]) -> None:
    build = Build(*SHAPE)
    graph = build.graph(build.conv(_almost(build, build.x, **wrong), 3))  # type: ignore[arg-type]
    applied(graph, _prepare)
    found = counts(graph)
    assert found["SQUARED_DIFFERENCE"] == found["SUB"] == 1
    build = Build(*SHAPE)
    graph = build.graph(build.conv(_almost(build, build.x), 3))
    applied(graph, _prepare)
    assert counts(graph)["SUB"] == 0


@pytest.mark.parametrize(("channels", "steps"), [(48, 0.3), (160, 1.5)])
def test_int8_keeps_the_mean_out_of_a_layer_normalization(channels: int, steps: float) -> None:
    """Up to 128 channels weights center that are whole multiples of a step; beyond it SUB does.

    Then the mean's own step limits it. Weights rounded as usual leave 38 steps of the mean in the
    values at 48 channels.
    """
    build = Build(1, 8, 16, channels)
    graph = build.graph(exported.layer_o2t(build, build.x))
    exact = prepare_for_int8(graph, [])
    centered = next(t for op in graph.operators if op.kind == "MUL" for t in op.inputs)
    assert centered is not None
    random = np.random.default_rng(0)
    image = random.normal(size=build.x.shape) + 3 * random.normal(size=(1, 8, 16, 1))
    values = GraphRunner(graph, graph.computed())({build.x: image.astype(np.float32)})
    ranges = {tensor: (float(v.min()), float(v.max())) for tensor, v in values.items()}
    place = graph.computed().index(centered)
    made = quantized(graph, QuantizationPlan(ranges=ranges, exact=exact))
    (source,), tensor = made.inputs.values(), made.computed()[place]
    assert source.quantization is not None and tensor.quantization is not None
    (scale,), (zero,) = source.quantization.scales, source.quantization.zero_points
    codes = np.clip(np.rint(image / scale) + zero, -128, 127).astype(np.int8)
    for reference in (False, True):
        found = GraphRunner(made, [tensor], reference_kernels=reference)({source: codes})[tensor]
        step, point = tensor.quantization.scales[0], tensor.quantization.zero_points[0]
        rows = (step * (found.astype(float) - point)).mean(axis=-1)
        assert np.abs(rows).max() < steps * step
