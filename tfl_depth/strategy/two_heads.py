"""A network with two trained heads as a file, in float or int8, and its depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, GraphRunner, read_graph, write_graph
from tfl_depth.converters.graph.rewrites import canonicalize, prepare_for_int8
from tfl_depth.converters.graph.rewrites.input_normalization import (
    InputOptions,
    InputStage,
    take_input,
)
from tfl_depth.converters.photo_inputs import PhotoInputs
from tfl_depth.converters.ptq.range_estimation import estimate_ranges, minmax
from tfl_depth.converters.ptq.statistics import observe
from tfl_depth.converters.quantize import QuantizationPlan, quantized
from tfl_depth.converters.verify.operators import to_codes, to_values
from tfl_depth.strategy.study_input import Grid, Pixels

# The number of photos to prepare a graph for int8.
SEEN_PHOTOS = 16

# From the outputs' values, (h, w) by name, to meters.
Decode = Callable[[Mapping[str, npt.NDArray[Any]]], npt.NDArray[Any]]


@dataclass(frozen=True)
class TwoHeadedGraph:
    """A network of two heads, which takes pixels.

    Attributes:
        graph: float or integer; its input is the stage's.
        stage: how pixels become the graph's input.
    """

    graph: Graph
    stage: InputStage

    def file(self) -> bytes:
        """Write the .tflite, with pixels as bytes or as floats."""
        graph = self.graph.copy()
        (source,) = graph.inputs.values()
        if source.dtype == np.float32:
            self.stage.take_pixels(graph)
        return write_graph(graph)

    def depth(self, photos: Sequence[Pixels], decode: Decode) -> Iterator[Grid]:
        """Depth (h, w) in meters of photos of the network's size."""
        (source,) = self.graph.inputs.values()
        outputs = self.graph.outputs
        runner = GraphRunner(self.graph)
        for each in PhotoInputs(photos, self.stage.network_input):
            found = runner({source: to_codes(each, source)})
            values = {name: to_values(found[out], out)[0, ..., 0] for name, out in outputs.items()}
            yield np.asarray(decode(values), np.float32)


def two_headed(model: bytes, photos: Sequence[Pixels]) -> TwoHeadedGraph:
    """Read a float .tflite of two heads that takes pixels.

    Args:
        model: the .tflite.
        photos: of its size, by which the border of the first convolution is measured.
    """
    graph = read_graph(model)
    canonicalize(graph)
    return TwoHeadedGraph(graph, take_input(graph, InputOptions(), photos))


def two_headed_int8(
    network: TwoHeadedGraph, photos: Sequence[Pixels], *, per_channel: bool
) -> TwoHeadedGraph:
    """Quantize a network to int8, with weights at the nearest code and minmax ranges.

    Args:
        network: float; its graph is changed.
        photos: to calibrate with, of its size.
        per_channel: whether each output channel of a kernel has its own scale.
    """
    graph, stage = network.graph, network.stage
    inputs = PhotoInputs(photos, stage.network_input)
    exact = prepare_for_int8(graph, inputs[:SEEN_PHOTOS])
    plan = QuantizationPlan(
        ranges=estimate_ranges(observe(graph, inputs, len(inputs)), minmax),
        pinned={stage.tensor: (stage.low, stage.high)},
        exact=exact,
        per_channel=per_channel,
    )
    return TwoHeadedGraph(quantized(graph, plan), stage)
