"""The network in float, with any of its kernels and feature maps on their int8 grids.

What a file of all int8 cannot tell: each source of its error by itself.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from tfl_depth.converters.canonical import canonical
from tfl_depth.converters.keras_graph import convolutions
from tfl_depth.converters.ranges import pin_extremes, with_ranges
from tfl_depth.converters.steps import MOST_IMAGES
from tfl_depth.converters.weights.grid import rounded
from tfl_depth.converters.workpiece import Images, Workpiece
from tfl_depth.strategy.subject import Grid, Subject

# Photos that the ranges of feature maps are taken from.
PHOTOS = 100
BATCH = 8


class Simulation:
    """A network whose kernels and feature maps can be quantised one by one.

    Attributes:
        kernels: names of the convolutions.
        maps: names of the layers that give int8 feature maps.
    """

    def __init__(self, subject: Subject) -> None:
        photos = subject.training_inputs(min(PHOTOS, subject.effort.calibration))
        body = subject.network.body
        work = Workpiece.of(
            body, photos[:MOST_IMAGES], lambda: photos, per_channel=True, progress=subject.progress
        )
        pin_extremes(work)
        self._model = with_ranges(canonical(body), work.ranges, batch=None, pin=_Switched)
        self._float = {each.name: each.get_weights() for each in convolutions(self._model)}
        self._layers = {each.name: each for each in convolutions(self._model)}
        self._switches = {name: self._model.get_layer(f"{name}_range") for name in work.ranges}
        self.kernels = tuple(self._float)
        self.maps = tuple(self._switches)

    def say(
        self,
        inputs: Images,
        *,
        kernels: tuple[str, ...] = (),
        per_channel: bool = True,
        maps: tuple[str, ...] = (),
    ) -> list[Grid]:
        """Depth with these kernels rounded to the nearest int8 code and these maps to int8.

        Args:
            inputs: normalised, (N, H, W, 3).
            kernels: names of convolutions.
            per_channel: whether each output channel of a kernel has a scale.
            maps: names of layers.

        Returns:
            A grid in metres for each input.
        """
        for name, layer in self._layers.items():
            kernel, *bias = self._float[name]
            if name in kernels:
                kernel = rounded(kernel, layer, per_channel=per_channel)
            layer.set_weights([kernel, *bias])
        for name, switch in self._switches.items():
            switch.on.assign(float(name in maps))
        said = [
            np.asarray(self._model.predict_on_batch(inputs[begin : begin + BATCH]), np.float32)
            for begin in range(0, len(inputs), BATCH)
        ]
        return list(np.concatenate(said)[..., 0])


class _Switched(layers.Layer):  # type: ignore[misc]
    """Fake quantisation that can be switched on and off without building the network anew."""

    def __init__(self, low: float, high: float, name: str) -> None:
        super().__init__(name=name)
        self._ends = low, high
        self.on = self.add_weight(shape=(), initializer="zeros", trainable=False, name="on")

    def call(self, inputs: Any) -> Any:
        rounded = keras.quantizers.fake_quant_with_min_max_vars(inputs, *self._ends)
        return inputs + self.on * (rounded - inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def median_mm(one: list[Grid], other: list[Grid]) -> float:
    """Median absolute difference over all pixels."""
    difference: npt.NDArray[np.float32] = np.abs(np.stack(one) - np.stack(other))
    return 1000 * float(np.median(difference))
