"""The range of each feature map, chosen from the calibration images: how far its int8 codes reach.

The stock converter takes the least and the greatest value that it sees. A narrower range cuts
those and resolves the others finer; the project that this one was founded on hoped for that (ST1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from tfl_depth.converters.keras_graph import CONVOLUTIONS, Replace, only_consumer, rebuilt
from tfl_depth.converters.walk import walk
from tfl_depth.converters.workpiece import Workpiece
from tfl_depth.models.decoder import NearestUpsampling
from tfl_depth.models.dual_head import PinnedRange

Values = npt.NDArray[np.float32]
Range = tuple[float, float]
Method = Callable[[Values], Range]

# Of each feature map, over all images; the ends are always among them.
SAMPLES = 200_000
CODES = 255
# Shares of the whole range to try.
SHARES = np.linspace(0.3, 1, 36)
BINS = 2048
TINY = 1e-30

# TensorFlow Lite gives what they return the scale of what they take.
_SAME_SCALE = (
    layers.InputLayer,
    layers.UpSampling2D,
    layers.ZeroPadding2D,
    layers.Cropping2D,
    layers.MaxPooling2D,
    layers.AveragePooling2D,
    layers.Reshape,
    NearestUpsampling,
)


def percentile(share: float) -> Method:
    """The range that holds `share` percent of the values, and leaves as many out at either end."""

    def method(values: Values) -> Range:
        low, high = np.percentile(values, [100 - share, share])
        return float(low), float(high)

    return method


def least_squares(values: Values) -> Range:
    """The range whose 255 steps leave the least squared error."""
    low, high = float(values.min()), float(values.max())
    errors = [
        np.square(_quantised(values, share * low, share * high) - values).mean() for share in SHARES
    ]
    share = float(SHARES[int(np.argmin(errors))])
    return share * low, share * high


def _quantised(values: Values, low: float, high: float) -> Values:
    step = max((high - low) / CODES, TINY)
    return np.asarray(np.rint((np.clip(values, low, high) - low) / step) * step + low)


def kl_divergence(values: Values) -> Range:
    """The range whose codes tell most of the values' distribution.

    S. Migacz, "8-bit Inference with TensorRT" (GTC 2017): the divergence of the distribution that
    255 codes can show from the one that is cut at the range's ends.
    """
    low, high = float(values.min()), float(values.max())
    divergences = [_divergence(values, share * low, share * high) for share in SHARES]
    share = float(SHARES[int(np.argmin(divergences))])
    return share * low, share * high


def _divergence(values: Values, low: float, high: float) -> float:
    counts, _ = np.histogram(np.clip(values, low, high), BINS, (low, high))
    inside, _ = np.histogram(values, BINS, (low, high))
    code = np.arange(BINS) * CODES // BINS
    filled = inside > 0
    mass = np.bincount(code, inside, CODES) / np.maximum(np.bincount(code, filled, CODES), 1)
    p, q = counts / counts.sum(), np.where(filled, mass[code], 0)
    q = q / max(q.sum(), 1)
    known = (p > 0) & (q > 0)
    missed = p[(p > 0) & (q == 0)].sum()
    return float((p[known] * np.log(p[known] / q[known])).sum() + missed * np.log(BINS))


def pin_ranges(method: Method) -> Callable[[Workpiece], None]:
    """A step that chooses the range of every feature map by a method."""

    def step(work: Workpiece) -> None:
        rng = np.random.default_rng(0)

        def look(layer: Any, maps: Any) -> None:
            if layer.name in found:
                low, high = method(_sampled(maps, rng))
                # A code for zero is asked for: padding and ReLU mean it.
                work.ranges[layer.name] = min(low, 0.0), max(high, 0.0)

        found = set(feature_maps(work.network))
        walk(work.network, work.images, after=look)

    return step


def pin_extremes(work: Workpiece) -> None:
    """Take the least and the greatest value of all photos, as the stock converter does."""
    found = set(feature_maps(work.network))

    def look(layer: Any, maps: Any) -> None:
        if layer.name in found:
            low, high = work.ranges.get(layer.name, (0.0, 0.0))
            work.ranges[layer.name] = min(low, float(maps.min())), max(high, float(maps.max()))

    photos, at_once = work.photos(), len(work.images)
    for begin in range(0, len(photos), at_once):
        walk(work.network, photos[begin : begin + at_once], after=look)


def _sampled(maps: Values, rng: np.random.Generator) -> Values:
    flat = maps.ravel()
    some = flat if flat.size <= SAMPLES else rng.choice(flat, SAMPLES, shuffle=False)
    return np.concatenate([some, [flat.min(), flat.max()]]).astype(np.float32)


def feature_maps(model: keras.Model) -> list[str]:
    """The layers of a canonical network whose outputs are int8 tensors with ranges of their own."""
    output = model.outputs[0]._keras_history.operation
    return [
        layer.name
        for layer in model.layers
        if layer is not output and not isinstance(layer, _SAME_SCALE) and not _fused(model, layer)
    ]


def _fused(model: keras.Model, layer: Any) -> bool:
    """Whether the activation behind a convolution becomes part of it."""
    after = only_consumer(model, layer) if isinstance(layer, CONVOLUTIONS) else None
    return isinstance(after, (layers.ReLU, layers.Activation))


def with_ranges(
    model: keras.Model,
    ranges: dict[str, Range],
    *,
    batch: int | None = 1,
    replace: Replace = lambda layer: None,
    pin: Callable[..., Any] = PinnedRange,
) -> keras.Model:
    """A copy whose feature maps are pinned to these ranges; others are left to the converter.

    Args:
        model: canonical.
        ranges: (low, high) by the name of the layer that gives the feature map.
        batch: of the copy; None for any.
        replace: what stands for a layer, as `rebuilt` takes it.
        pin: makes the layer that does so, of the range's ends and a name.
    """

    def pinned(layer: Any) -> Any:
        other = replace(layer)
        if layer.name not in ranges:
            return other
        copied: Any = other or type(layer).from_config(layer.get_config())
        behind = pin(*ranges[layer.name], name=f"{layer.name}_range")

        def call(*args: Any, **kwargs: Any) -> Any:
            outputs = behind(copied(*args, **kwargs))
            if other is None:
                copied.set_weights(layer.get_weights())
            return outputs

        return call

    return rebuilt(model, keras.Input(batch_shape=(batch, *model.inputs[0].shape[1:])), pinned)
