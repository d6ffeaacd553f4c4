"""Which feature maps get 16 bits."""

from __future__ import annotations

import numpy as np

from tests.converters.head.networks import Net
from tests.converters.ptq import graphs
from tfl_depth.strategy.mixed_precision import multiply_accumulates, wide_maps


def test_multiply_accumulates_are_those_of_every_kind_of_kernel() -> None:
    features = graphs.tensor("features", 1, 11, 14, 6)
    ones = np.ones
    counted = {
        graphs.conv(features, ones((8, 3, 3, 6)), ones(8), (6, 7), stride=2): 6 * 7 * 8 * 9 * 6,
        graphs.conv(features, ones((8, 3, 3, 3)), ones(8), (11, 14)): 11 * 14 * 8 * 9 * 3,
        graphs.depthwise(features, ones((1, 3, 3, 12)), ones(12), (11, 14)): 11 * 14 * 12 * 9,
        graphs.dense(features, ones((7, 6)), ones(7)): 11 * 14 * 7 * 6,
        graphs.transposed(features, ones((5, 3, 3, 6)), ones(5), (22, 28), stride=2, padding=0): (
            11 * 14 * 5 * 9 * 6
        ),
    }
    for operator, expected in counted.items():
        assert multiply_accumulates(operator) == expected, operator.kind


def test_the_best_for_their_cost_are_chosen_within_the_limit() -> None:
    net = Net()
    # Costs are as 1 to 4 to 48: a, b and c take or give what is chosen.
    a = net.conv(net.image, 3, 1)
    b = net.conv(a, 12, 1)
    c = net.conv(b, 36, 1)
    d = net.conv(c, 36, 1)
    graph = net.finish(depth=net.conv(d))
    names = [tensor.name for tensor in (a, b, c, d)]
    alone_mm = dict(zip(names, (5.0, 50.0, 500.0, 0.0), strict=True))
    # b and c are taken by the large convolution behind c.
    assert wide_maps(graph, names, alone_mm) == (a.name,)
    everything = dict.fromkeys(names, 0.0)
    assert wide_maps(graph, names, everything) == ()
