"""A network of two heads as a file, in float and int8."""

from __future__ import annotations

import numpy as np
import pytest

from tests.converters.head.networks import RELU6, Net
from tests.strategy.small_study import SIZE
from tfl_depth.converters.graph import read_graph, write_graph
from tfl_depth.runtime.engines.interpreter import open_interpreter
from tfl_depth.runtime.preprocess import write_input
from tfl_depth.strategy.trained_heads import trained_head
from tfl_depth.strategy.two_heads import TwoHeadedGraph, two_headed, two_headed_int8

DECODE = trained_head("two_heads", 10.0).decode["sum"]
PHOTOS = [
    np.random.default_rng(seed).integers(0, 256, (*SIZE, 3)).astype(np.uint8) for seed in range(4)
]


@pytest.fixture(scope="module")
def network() -> TwoHeadedGraph:
    net = Net(SIZE)
    x = net.binary("ADD", net.binary("MUL", net.image, 1 / 128), -127 / 128)
    x = net.conv(x, 8, 3, activation=RELU6)
    outputs = {name: net.unary("LOGISTIC", net.conv(x)) for name in ("integer", "fractional")}
    return two_headed(write_graph(net.finish(**outputs)), PHOTOS)


def test_depth_is_decoded_from_both_outputs(network: TwoHeadedGraph) -> None:
    grids = list(network.depth(PHOTOS, DECODE))
    assert [grid.shape for grid in grids] == [SIZE] * 4
    whole = list(network.depth(PHOTOS, lambda values: 10 * values["integer"]))
    parts = list(network.depth(PHOTOS, lambda values: values["fractional"]))
    np.testing.assert_allclose(grids[0], whole[0] + parts[0], atol=1e-5)
    assert grids[0].std() > 0.1


@pytest.mark.parametrize("per_channel", [True, False])
def test_int8_is_near_float_and_all_of_integers(network: TwoHeadedGraph, per_channel: bool) -> None:
    floats = TwoHeadedGraph(network.graph.copy(), network.stage)
    (source,) = floats.graph.inputs.values()
    integer = two_headed_int8(
        TwoHeadedGraph(network.graph, network.stage), PHOTOS, per_channel=per_channel
    )
    assert source.dtype == np.float32
    assert {tensor.dtype.kind for tensor in integer.graph.tensors()} == {"i"}
    for one, other in zip(
        integer.depth(PHOTOS, DECODE), network.depth(PHOTOS, DECODE), strict=True
    ):
        assert np.abs(one - other).mean() < 0.1


def test_both_files_take_pixels(network: TwoHeadedGraph) -> None:
    expected = next(iter(network.depth(PHOTOS[:1], DECODE)))
    for made in (network, two_headed_int8(network, PHOTOS, per_channel=True)):
        content = made.file()
        interpreter = open_interpreter(content)
        (detail,) = interpreter.get_input_details()
        values = np.empty(detail["shape"], detail["dtype"])
        write_input(PHOTOS[0], "rgb", values[0])
        found = interpreter.get_signature_runner()(
            **{next(iter(read_graph(content).inputs)): values}
        )
        parts = {}
        for name, detail in interpreter.get_signature_runner().get_output_details().items():
            scale, zero = detail["quantization"]
            codes = found[name].astype(np.float32)[0, ..., 0]
            parts[name] = (codes - zero) * scale if scale else codes
        assert np.abs(DECODE(parts) - expected).mean() < 0.1
