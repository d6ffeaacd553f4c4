"""Which layers the error comes from: each one quantised alone, and all but each one."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tfl_depth.converters.canonical import canonical
from tfl_depth.converters.keras_graph import convolutions
from tfl_depth.converters.walk import walk
from tfl_depth.converters.weights import grid
from tfl_depth.strategy.rows import GRANULARITIES
from tfl_depth.strategy.simulation import Simulation, median_mm
from tfl_depth.strategy.subject import Subject

# The layers to mend: so many of the worst that without them this share of the error is left.
LEFT = 0.25
# Every so many pixels, in both directions, count for the noise of a feature map.
STRIDE = 4


def attribute(subject: Subject, simulation: Simulation) -> dict[str, Any]:
    """Try every kernel and every feature map by itself.

    Returns:
        For "per channel" and "per tensor" kernels, and for "maps": `all`, the median deviation
        with all of them in int8 in mm, `alone` and `all_but` by name, and for kernels `named`, the
        layers to mend; "noise" has the signal-to-noise ratio of each layer's output in dB.
    """
    inputs = subject.inputs[:: max(1, len(subject.inputs) // subject.effort.attribution)]
    inputs = inputs[: subject.effort.attribution]
    reference = simulation.say(inputs)

    def deviation(**quantised: Any) -> float:
        return median_mm(simulation.say(inputs, **quantised), reference)

    found: dict[str, Any] = {}
    for granularity, per_channel in GRANULARITIES.items():
        names = list(subject.progress(simulation.kernels, len(simulation.kernels), granularity))
        alone = {each: deviation(kernels=(each,), per_channel=per_channel) for each in names}
        found[granularity] = {
            "all": deviation(kernels=simulation.kernels, per_channel=per_channel),
            "alone": alone,
            "all_but": {
                each: deviation(
                    kernels=_without(simulation.kernels, {each}), per_channel=per_channel
                )
                for each in names
            },
        }
        found[granularity]["named"] = _named(
            alone,
            found[granularity]["all"],
            lambda left, per_channel=per_channel: deviation(kernels=left, per_channel=per_channel),
        )
    found["maps"] = {
        "all": deviation(maps=simulation.maps),
        "alone": {each: deviation(maps=(each,)) for each in simulation.maps},
        "all_but": {
            each: deviation(maps=_without(simulation.maps, {each})) for each in simulation.maps
        },
    }
    found["noise"] = {
        granularity: noise(subject, inputs, per_channel=per_channel)
        for granularity, per_channel in GRANULARITIES.items()
    }
    return found


def _without(names: tuple[str, ...], some: set[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in some)


def _named(alone: dict[str, float], whole: float, deviation: Any) -> list[str]:
    """The fewest of the worst layers, without which little of the error is left."""
    order = sorted(alone, key=lambda name: -alone[name])
    for count in range(1, len(order)):
        if deviation(_without(tuple(order), set(order[:count]))) <= LEFT * whole:
            return order[:count]
    return order


def noise(
    subject: Subject, inputs: npt.NDArray[np.float32], *, per_channel: bool
) -> dict[str, float]:
    """Signal-to-noise ratio of each layer's output in dB, kernels rounded to the nearest code."""
    reference, rounded = (canonical(subject.network.body) for _ in range(2))
    for layer in convolutions(rounded):
        kernel, *bias = layer.get_weights()
        layer.set_weights([grid.rounded(kernel, layer, per_channel=per_channel), *bias])
    signal: dict[str, npt.NDArray[np.float32]] = {}
    found: dict[str, float] = {}

    def remember(layer: Any, maps: Any) -> None:
        signal[layer.name] = maps[:, ::STRIDE, ::STRIDE]

    def compare(layer: Any, maps: Any) -> None:
        if isinstance(layer, keras.layers.InputLayer):
            return
        was = signal.pop(layer.name)
        spoilt = float(np.square(maps[:, ::STRIDE, ::STRIDE] - was).mean())
        if spoilt > 0:
            found[layer.name] = 10 * float(np.log10(np.square(was).mean() / spoilt))

    walk(reference, inputs, after=remember)
    walk(rounded, inputs, after=compare)
    return found
