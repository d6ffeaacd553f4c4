"""Two scales where an NPU allows one: a depthwise convolution is parted by the size of its filters.

A depthwise filter that is ten times another's leaves it a tenth of the int8 codes where one scale
serves both. But channels of a depthwise convolution know nothing of each other: those with large
filters and those with small ones can be two convolutions, each with a scale of its own, and so can
the convolution before them. What they give is put side by side again, in another order of the
channels, which the convolution behind is told of. The network computes exactly the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from tfl_depth.converters.canonical import is_depthwise
from tfl_depth.converters.keras_graph import rebuilt
from tfl_depth.converters.weights.pairs import Pair, pairs
from tfl_depth.converters.workpiece import Workpiece

# NPUs compute channels in blocks: parts are whole blocks.
BLOCK = 8
# Parting costs an operator or two: it must take away this share of what rounding does.
LEAST_GAIN = 0.5

Vector = npt.NDArray[np.float64]


def part_by_range(work: Workpiece) -> None:
    """Part depthwise convolutions, and those before them, where one scale serves a kernel."""
    if work.per_channel:
        return
    for block in _blocks(work):
        work.network = _parted(work.network, block)
        work.reference = _parted(work.reference, block)
        if work.layers is not None:
            work.layers += tuple(f"{name}_{part}" for name in block.convolutions for part in PARTS)


PARTS = ("large", "small")


@dataclass(frozen=True)
class _Block:
    """Convolution, activation, depthwise convolution, activation, convolution, by their names.

    Attributes:
        parts: the channels between, those with large filters and those with small ones.
    """

    first: str
    first_activation: str | None
    depthwise: str
    depthwise_activation: str | None
    last: str
    parts: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]

    @property
    def convolutions(self) -> tuple[str, str]:
        return self.first, self.depthwise


def _blocks(work: Workpiece) -> list[_Block]:
    by_first = {pair.first.name: pair for pair in pairs(work.network)}
    found = (
        _block(pair, by_first.get(pair.second.name))
        for pair in by_first.values()
        if work.chosen(pair.second)
    )
    return [block for block in found if block is not None]


def _block(before: Pair, behind: Pair | None) -> _Block | None:
    depthwise = before.second
    if behind is None or not is_depthwise(depthwise) or depthwise.depth_multiplier != 1:
        return None
    if is_depthwise(before.first) or is_depthwise(behind.second):
        return None
    parts = _parts(np.abs(depthwise.get_weights()[0]).max(axis=(0, 1))[:, 0].astype(np.float64))
    if parts is None:
        return None
    return _Block(
        before.first.name,
        _name_unless(before.between, before.first),
        depthwise.name,
        _name_unless(behind.between, depthwise),
        behind.second.name,
        parts,
    )


def _name_unless(layer: Any, other: Any) -> str | None:
    return None if layer is other else str(layer.name)


def _parts(ranges: Vector) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]] | None:
    """Channels with large and with small filters, so that rounding disturbs all of them least."""
    order = np.argsort(-ranges)
    places = range(BLOCK, len(ranges), BLOCK)
    if not places:
        return None
    # A step of the grid beside the range of a filter; one that is nothing has nothing to lose.
    alive = ranges[order] > 1e-3 * ranges.max()
    weight = np.where(alive, 1 / np.maximum(np.square(ranges[order]), 1e-12), 0)
    whole = np.square(ranges[order[0]]) * weight.sum()
    parted = [
        np.square(ranges[order[0]]) * weight[:place].sum()
        + np.square(ranges[order[place]]) * weight[place:].sum()
        for place in places
    ]
    best = int(np.argmin(parted))
    if parted[best] > LEAST_GAIN * whole:
        return None
    place = places[best]
    return np.sort(order[:place]), np.sort(order[place:])


def _parted(model: keras.Model, block: _Block) -> keras.Model:
    """The model with a block in two parts."""
    by_name = {layer.name: layer for layer in model.layers}
    skipped = {block.depthwise, block.first_activation, block.depthwise_activation}

    def replace(layer: Any) -> Any:
        if layer.name == block.first:
            return lambda x, **_: _call_parts(by_name, block, x)
        if layer.name in skipped:
            return lambda x, **_: x
        if layer.name == block.last:
            return _Reordered(layer, np.concatenate(block.parts))
        return None

    return rebuilt(model, keras.Input(model.inputs[0].shape[1:]), replace)


def _call_parts(by_name: dict[str, Any], block: _Block, x: Any) -> Any:
    outputs = []
    for part, channels in zip(PARTS, block.parts, strict=True):
        y = _part(by_name[block.first], part, channels)(x)
        for name in (block.first_activation, block.depthwise, block.depthwise_activation):
            if name is not None:
                y = _part(by_name[name], part, channels)(y)
        outputs.append(y)
    return layers.Concatenate(name=f"{block.depthwise}_joined")(outputs)


def _part(layer: Any, part: str, channels: npt.NDArray[np.intp]) -> Any:
    """Called as a layer, computes some of its channels."""
    config = {**layer.get_config(), "name": f"{layer.name}_{part}"}
    if not layer.get_weights():
        return type(layer).from_config(config)
    kernel, bias = layer.get_weights()
    if not is_depthwise(layer):
        config["filters"] = len(channels)
    kernel = kernel[:, :, channels] if is_depthwise(layer) else kernel[..., channels]
    return _WithWeights(type(layer).from_config(config), [kernel, bias[channels]])


class _WithWeights:
    """Called as a layer, which gets its weights when it is first called."""

    def __init__(self, layer: Any, weights: list[npt.NDArray[np.float32]]) -> None:
        self._layer, self._weights = layer, weights

    def __call__(self, x: Any, **_: Any) -> Any:
        y = self._layer(x)
        self._layer.set_weights(self._weights)
        return y


class _Reordered(_WithWeights):
    """A convolution that takes its input's channels in another order."""

    def __init__(self, layer: Any, order: npt.NDArray[np.intp]) -> None:
        kernel, *rest = layer.get_weights()
        copied = type(layer).from_config(layer.get_config())
        super().__init__(copied, [kernel[:, :, order], *rest])
