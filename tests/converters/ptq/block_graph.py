"""A small network of the usual blocks, with seeded weights and uneven channel ranges."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tests.converters.ptq import graphs
from tfl_depth.converters.graph import Graph, GraphRunner, Operator, options
from tfl_depth.converters.graph.fusion import unfuse_activations
from tfl_depth.converters.ptq.context import QuantizationContext
from tfl_depth.converters.ptq.progress import silent

SIZE = (32, 48)
HALF = (16, 24)
RELU, RELU6 = 1, 3


class _Maker:
    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self.operators: list[Operator] = []

    def conv(self, x: Any, channels: int, size: int, name: str, **settings: int) -> Any:
        inputs = size * size * x.shape[-1]
        kernel = self._rng.normal(0, inputs**-0.5, (channels, size, size, x.shape[-1]))
        kernel *= self._gains(channels)[:, None, None, None]
        out = HALF if x.shape[1] != SIZE[0] or settings.get("stride", 1) == 2 else SIZE
        bias = self._rng.normal(0.5, 1, channels)
        self.operators.append(graphs.conv(x, kernel, bias, out, name=name, **settings))
        return self.operators[-1].output

    def depthwise(self, x: Any, size: int, name: str) -> Any:
        channels = x.shape[-1]
        kernel = self._rng.normal(0, 1 / size, (1, size, size, channels)) * self._gains(channels)
        made = graphs.depthwise(x, kernel, self._rng.normal(0.5, 1, channels), HALF)
        made.options.fusedActivationFunction = RELU6
        made.output.name = name
        self.operators.append(made)
        return made.output

    def _gains(self, channels: int) -> npt.NDArray[np.float64]:
        # Over two decades: what pretrained networks have, and per-tensor scales suffer.
        return np.asarray(10 ** self._rng.uniform(-1, 0.7, channels))


def block_graph(*, seed: int = 0) -> Graph:
    """Stem, two inverted residuals, one with its shortcut, a ReLU, depth."""
    make = _Maker(seed)
    pixels = graphs.tensor("pixels", 1, *SIZE, 3)
    x = make.conv(pixels, 12, 3, "stem", stride=2, activation=RELU6)
    x = make.depthwise(x, 3, "b0_depthwise")
    shortcut = make.conv(x, 8, 1, "b0_project")
    x = make.conv(shortcut, 24, 1, "b1_expand", activation=RELU6)
    x = make.depthwise(x, 5, "b1_depthwise")
    x = make.conv(x, 8, 1, "b1_project")
    total = graphs.tensor("b1_add", *x.shape)
    make.operators.append(Operator("ADD", [x, shortcut], [total], options("AddOptions")))
    x = make.conv(total, 16, 3, "fused", activation=RELU)
    make.conv(x, 1, 1, "depth")
    return graphs.graph_of(pixels, *make.operators)


def block_images(count: int, *, seed: int = 1) -> list[npt.NDArray[np.float32]]:
    """Images (1, H, W, 3) of -1 to 1: smooth patches under a little noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(-1, 1, (count, SIZE[0] // 8, SIZE[1] // 8, 3))
    smooth = coarse.repeat(8, axis=1).repeat(8, axis=2)
    noisy = np.clip(smooth + rng.normal(0, 0.1, smooth.shape), -1, 1).astype(np.float32)
    return [image[None] for image in noisy]


def context_of(graph: Graph, *, per_channel: bool = True) -> QuantizationContext:
    """A context with an unfused copy of a graph."""
    copied = graph.copy()
    unfuse_activations(copied)
    return QuantizationContext(copied, block_images(6), per_channel, silent)


def outputs(graph: Graph, images: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """What a network of one output gives for images."""
    (source,), (result,) = graph.inputs.values(), graph.outputs.values()
    runner = GraphRunner(graph)
    return np.concatenate([runner({source: image})[result] for image in images])
