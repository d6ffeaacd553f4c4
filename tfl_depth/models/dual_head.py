"""The split head: the network outputs whole spans and the position in a span.

From the one depth regression y of a network, for spans with edges e_k and widths w_k:

    t_k        = relu6(6 (y - e_k) / w_k)        the depth convolution, per span: a thermometer
    integer    = sum t_k / 6 - bias              1x1 convolution: how many spans are full
    fractional = sum (-1)^k t_k / 6              1x1 convolution: a triangle wave of y

with ranges pinned so that every int8 weight and every sum is exact. `tfl_depth.encoding` is the
inverse. This project developed the construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from tfl_depth.encoding import Spans
from tfl_depth.errors import ConversionError
from tfl_depth.models.keras_graph import producer, producer_input

FULL = 6.0


@keras.saving.register_keras_serializable("tfl_depth")
class PinnedRange(layers.Layer):  # type: ignore[misc]
    """Fake quantization to 255 steps of a fixed range, which the conversion keeps exactly."""

    def __init__(self, low: float, high: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.low, self.high = low, high

    def call(self, inputs: Any) -> Any:
        return keras.quantizers.fake_quant_with_min_max_vars(inputs, self.low, self.high)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "low": self.low, "high": self.high}


def to_dual_head(
    model: keras.Model, *, spans: Spans | Sequence[float], pin_ranges: bool = True
) -> keras.Model:
    """Turn the depth output of a model into the exact split, with the same weights.

    Args:
        model: a model with one output, that of a linear `Conv2D` with one filter: meters.
        spans: the depth intervals, or their edges in meters.
        pin_ranges: insert fake quantization at the later int8 tensors. Without it the head is
            exact in floating point.

    Returns:
        A model with the outputs `integer`, 0 to `spans.integer_max`, and `fractional`, 0 to 1,
        each (batch, H, W, 1) float32.

    Raises:
        ConversionError: the model does not end in such a convolution.
        ValueError: the edges are not valid for `Spans`.
    """
    if not isinstance(spans, Spans):
        spans = Spans(tuple(float(edge) for edge in spans))
    depth = depth_convolution(model)
    thermometer = layers.Conv2D(
        spans.count,
        depth.kernel_size,
        strides=depth.strides,
        padding=depth.padding,
        dilation_rate=depth.dilation_rate,
        activation=keras.activations.relu6,
        name="thermometer",
    )
    filled = thermometer(last_features(model))
    _set_thermometer_weights(thermometer, depth, spans)
    if pin_ranges:
        filled = PinnedRange(0.0, FULL, name="thermometer_range")(filled)
    signs = (-1.0) ** np.arange(spans.count)
    integer = _weighted_sum(filled, np.ones(spans.count), -spans.integer_bias, "span_count")
    fractional = _weighted_sum(filled, signs, 0.0, "span_place")
    if pin_ranges:
        integer = PinnedRange(0.0, spans.integer_max, name="integer")(integer)
        fractional = PinnedRange(0.0, 1.0, name="fractional")(fractional)
    return keras.Model(
        model.inputs, {"integer": integer, "fractional": fractional}, name=f"{model.name}_split"
    )


def depth_convolution(model: keras.Model) -> layers.Conv2D:
    """The last layer of a model, a linear convolution with one filter.

    Raises:
        ConversionError: the last layer is another one, which the text names.
    """
    expect_graph(model)
    if len(model.outputs) != 1:
        raise ConversionError(
            f"Expected a model with one output, metric depth, got {len(model.outputs)}."
        )
    last = producer(model.outputs[0])
    linear = keras.activations.linear
    if not isinstance(last, layers.Conv2D) or last.activation is not linear or last.filters != 1:
        raise ConversionError(
            "Expected a Conv2D with one filter, no activation and an output in meters as the last "
            f"layer, got {_describe(last)}. Remove the layers after that convolution."
        )
    return last


def expect_graph(model: keras.Model) -> None:
    """Refuse a model that is not a graph of layers.

    Raises:
        ConversionError: a subclassed model, or a Sequential without an input size.
    """
    if not hasattr(model, "inputs"):
        raise ConversionError(
            "Expected a functional model, or a Sequential that begins with keras.Input, got "
            f"{type(model).__name__} '{model.name}'."
        )


def last_features(model: keras.Model) -> Any:
    """The input of the last convolution in this model. A shared layer has other inputs too."""
    return producer_input(model.outputs[0])


def _describe(layer: Any) -> str:
    text = f"{type(layer).__name__} '{layer.name}'"
    if isinstance(layer, layers.Conv2D):
        text += f" with {layer.filters} filters and activation '{layer.activation.__name__}'"
    return text


def _set_thermometer_weights(
    thermometer: layers.Conv2D, depth: layers.Conv2D, spans: Spans
) -> None:
    kernel = np.asarray(keras.ops.convert_to_numpy(depth.kernel), np.float64)
    bias = float(keras.ops.convert_to_numpy(depth.bias)[0]) if depth.use_bias else 0.0
    gains = FULL / np.asarray(spans.widths_m)
    edges = np.asarray(spans.edges_m[:-1])
    thermometer.set_weights([kernel * gains, (bias - edges) * gains])


def _weighted_sum(filled: Any, weights: Any, bias: float, name: str) -> Any:
    convolution = layers.Conv2D(1, 1, name=name)
    total = convolution(filled)
    kernel = np.asarray(weights).reshape(1, 1, -1, 1) / FULL
    convolution.set_weights([kernel, np.array([bias])])
    return total


def to_single_head(model: keras.Model, *, max_depth_m: float | None = None) -> keras.Model:
    """Name the depth output of a model `depth`, with the fixed range 0 to `max_depth_m` if given.

    Raises:
        ConversionError: the model does not end in a linear depth convolution.
    """
    depth_convolution(model)
    depth = model.outputs[0]
    if max_depth_m is not None:
        depth = PinnedRange(0.0, max_depth_m, name="depth_range")(depth)
    return keras.Model(model.inputs, {"depth": depth}, name=f"{model.name}_single")
