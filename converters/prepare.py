"""The Keras model as it is deployed: fixed size, batch 1, pixels in, the chosen head out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from tfl_depth.converters.keras_graph import rebuilt
from tfl_depth.encoding import Spans
from tfl_depth.errors import ConversionError
from tfl_depth.models.dual_head import (
    PinnedRange,
    depth_convolution,
    expect_graph,
    to_dual_head,
    to_single_head,
)

INPUT_NAME = "pixels"


@dataclass(frozen=True)
class Normalisation:
    """What a network does to a pixel first: pixel * scale + offset."""

    scale: float
    offset: float

    @property
    def range(self) -> tuple[float, float]:
        """What pixels 0 and 255 become."""
        return self.offset, 255 * self.scale + self.offset

    @property
    def in_bytes(self) -> Normalisation:
        """The nearest one that an int8 tensor can say exactly.

        Zero must be a pixel's value: for -1 to 1 it is one of 127.5, and all values move by half a
        pixel's step. And all 256 values must be exact in float32, or the converter takes the range
        that it measures for another one than the pinned: the scale keeps 16 bits.
        """
        mantissa, exponent = math.frexp(self.scale)
        scale = math.ldexp(round(mantissa * 2**16), exponent - 16)
        return Normalisation(scale, round(self.offset / scale) * scale)


IDENTITY = Normalisation(1.0, 0.0)


def at_size(model: keras.Model, size: tuple[int, int] | None) -> keras.Model:
    """Build the model anew for batch 1 and `size`, with the same weights.

    Raises:
        ConversionError: no size is known, or the network cannot take it.
    """
    expect_graph(model)
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 4 or model.inputs[0].shape[-1] != 3:
        shapes = [tuple(tensor.shape) for tensor in model.inputs]
        raise ConversionError(f"Expected a model with one input (batch, H, W, 3), got {shapes}.")
    if size is None:
        size = model.inputs[0].shape[1:3]
    if None in size:
        raise ConversionError("The model takes any size: say which to deploy, with --size HxW.")
    pixels = keras.Input(batch_shape=(1, *size, 3), name=INPUT_NAME)
    try:
        return rebuilt(model, pixels)
    except (ValueError, TypeError) as error:
        raise ConversionError(
            f"The network cannot take {size[0]}x{size[1]} (height x width). Most need multiples of "
            f"32. Keras says: {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


@dataclass(frozen=True)
class Network:
    """A depth network apart from what it does to pixels first.

    Attributes:
        body: from normalised pixels (1, H, W, 3) to depth in metres.
        normalisation: what turns pixels of 0 to 255 into the body's input.
    """

    body: keras.Model
    normalisation: Normalisation

    def on_pixels(self) -> keras.Model:
        """The whole network, float: from pixels of 0 to 255 to depth in metres."""
        return self._after(self._normalise, self.body)

    def deployed(self, *, precision: str, head: str, spans: Spans) -> keras.Model:
        """The model to convert, with named outputs.

        For int8 it takes normalised pixels, of a range pinned so that the int8 code of a value is
        the pixel less 128; the normalisation, `in_bytes`, is then the input's quantisation and
        costs nothing. The other precisions take pixels of 0 to 255 and normalise them inside.
        """
        pin = precision == "int8"
        headed = with_head(self.body, head=head, spans=spans, pin_ranges=pin)
        return self._after(self._pin if pin else self._normalise, headed)

    def as_input(self, pixels: npt.NDArray[np.uint8], precision: str) -> npt.NDArray[np.float32]:
        """Pixels (H, W, 3) as the float input (1, H, W, 3) of the model that `deployed` gives."""
        values = pixels[None].astype(np.float32)
        if precision != "int8":
            return values
        normalisation = self.normalisation.in_bytes
        return values * np.float32(normalisation.scale) + np.float32(normalisation.offset)

    def _after(self, first: Callable[[Any], Any], model: keras.Model) -> keras.Model:
        pixels = keras.Input(batch_shape=self.body.inputs[0].shape, name=INPUT_NAME)
        return keras.Model(pixels, model(first(pixels)), name=model.name)

    def _pin(self, pixels: Any) -> Any:
        return PinnedRange(*self.normalisation.in_bytes.range, name="pixel_range")(pixels)

    def _normalise(self, pixels: Any) -> Any:
        if self.normalisation == IDENTITY:
            return pixels
        return layers.Rescaling(
            self.normalisation.scale, self.normalisation.offset, name="normalise"
        )(pixels)


def with_head(model: keras.Model, *, head: str, spans: Spans, pin_ranges: bool) -> keras.Model:
    """Put the head "split" or "single" on a model that ends in a linear depth convolution.

    Raises:
        ConversionError: it does not.
    """
    if head == "split":
        return to_dual_head(model, spans=spans, pin_ranges=pin_ranges)
    return to_single_head(model, max_depth_m=spans.max_depth_m if pin_ranges else None)


def split_normalisation(
    model: keras.Model, input_range: tuple[float, float] | None = None
) -> Network:
    """Take a leading scalar `Rescaling` off a model, or apply what the user says of its input.

    Args:
        model: from `at_size`.
        input_range: what the network takes for a pixel of 0 and of 255, where it does not begin
            with a `Rescaling`.

    Raises:
        ConversionError: neither is there, or both are, or the model does not end in a depth
            convolution.
    """
    depth_convolution(model)
    first = _only_consumer(model)
    rescales = isinstance(first, layers.Rescaling) and _is_scalar(first)
    if rescales == (input_range is not None):
        raise ConversionError(
            "The model begins with a Rescaling layer, which says how it takes pixels: leave out "
            "--input-range."
            if rescales
            else "The model does not begin with a keras.layers.Rescaling of pixels 0 to 255, so "
            "its input range is unknown: say it, for instance --input-range 0,1."
        )
    if input_range is not None:
        low, high = input_range
        return Network(model, _checked(Normalisation((high - low) / 255, low)))
    body = keras.Model(first.output, model.outputs[0], name=model.name)
    return Network(body, _checked(Normalisation(float(first.scale), float(first.offset))))


def _checked(normalisation: Normalisation) -> Normalisation:
    """Refuse what an int8 tensor cannot say: its codes rise from zero or less to zero or more."""
    low, high = normalisation.range
    if not (math.isfinite(low) and math.isfinite(high) and low <= 0 <= high and low < high):
        raise ConversionError(
            f"Expected the network to take a range with 0 in it for pixels 0 to 255, got {low:g} "
            f"to {high:g}: INT8 has no codes for it."
        )
    return normalisation


def _only_consumer(model: keras.Model) -> Any:
    """The one layer that takes the model's input, or None where it has another use as well."""
    nodes = model.inputs[0]._keras_history.operation._outbound_nodes
    operations = [node.operation for node in nodes if node.operation in model.operations]
    alone = len(operations) == 1 and len(operations[0]._inbound_nodes) == 1
    return operations[0] if alone else None


def _is_scalar(layer: layers.Rescaling) -> bool:
    return all(isinstance(value, (int, float)) for value in (layer.scale, layer.offset))
