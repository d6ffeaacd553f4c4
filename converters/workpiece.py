"""What a recipe's steps work on: a network of our own, the float one it must stay close to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tfl_depth.converters.canonical import canonical

Images = npt.NDArray[np.float32]
# Wraps an iterable, and shows how far it has come; given its length and what is done.
Progress = Callable[[Iterable[Any], int, str], Iterable[Any]]


@dataclass
class Workpiece:
    """A canonical network on its way to int8; steps change it in place.

    Attributes:
        network: canonical; takes normalised pixels (1, H, W, 3), gives metres.
        reference: the same network as it came, in float; never changed.
        images: a few normalised calibration images (N, H, W, 3); their feature maps fit in memory.
        photos: reads all of them, for the few steps that look at more.
        per_channel: whether each output channel's weights get a scale of their own.
        layers: names of the convolutions to work on; None: all.
        factors: of a convolution's output channels: how many times the reference's they are.
        ranges: (low, high) of feature maps, by layer, that the file shall have; the converter
            measures the others itself.
        progress: shows how far slow steps have come.
    """

    network: keras.Model
    reference: keras.Model
    images: Images
    photos: Callable[[], Images]
    per_channel: bool
    progress: Progress
    layers: tuple[str, ...] | None = None
    factors: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        body: keras.Model,
        images: Images,
        photos: Callable[[], Images],
        *,
        per_channel: bool,
        progress: Progress,
        layers: tuple[str, ...] | None = None,
    ) -> Workpiece:
        """Begin with a float network."""
        mine, reference = canonical(body), canonical(body)
        return cls(mine, reference, images, photos, per_channel, progress, layers)

    def wanted(self, layer: Any, maps: Images) -> npt.NDArray[np.floating[Any]]:
        """What a convolution should give where the reference's gives (..., channels)."""
        return np.asarray(maps * self.factors.get(layer.name, 1.0))

    def chosen(self, layer: Any) -> bool:
        """Whether steps shall work on this convolution."""
        return self.layers is None or layer.name in self.layers
