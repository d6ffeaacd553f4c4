"""From an image to a metric, by the field's protocol (DESIGN: unaligned, per image, full size)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.data.datasets import Dataset
from tfl_depth.data.samples import Sample
from tfl_depth.evaluation.metrics import BinnedMetrics, PooledMetrics, depth_metrics
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.preprocess import resize_pixels

if TYPE_CHECKING:
    import keras

    from tfl_depth.boards.frame_stream import FrameStream

__all__ = [
    "Predictor",
    "enlarged",
    "evaluate",
    "frames_predictor",
    "keras_predictor",
    "runner_predictor",
]

# (H, W, 3) uint8 RGB -> (H, W) float32 depth in meters.
Predictor = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]


def keras_predictor(model: keras.Model) -> Predictor:
    """Depth of an image by a Keras model with the single head, enlarged to the image's size."""
    size: tuple[int, int] = model.input_shape[1:3]

    def predict(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        pixels = resize_pixels(rgb, size).astype(np.float32)[None]
        grid = np.asarray(model.predict_on_batch(pixels)[0, ..., 0], np.float32)
        return enlarged(grid, rgb.shape[:2])

    return predict


def enlarged(grid: npt.NDArray[np.float32], size: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Depth of a network's grid (h, w) at an image's size (height, width), bilinearly."""
    return np.asarray(cv2.resize(grid, size[::-1], interpolation=cv2.INTER_LINEAR))


def runner_predictor(runner: DepthRunner) -> Predictor:
    """Depth of an image by a converted model, as its users get it: whole millimeters."""

    def predict(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.asarray(runner.infer(rgb, channels="rgb") / 1000, np.float32)

    return predict


def frames_predictor(stream: FrameStream) -> Predictor:
    """As `runner_predictor`, with a runner on a board."""

    def predict(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.asarray(stream.infer(rgb) / 1000, np.float32)

    return predict


def evaluate(
    predict: Predictor,
    samples: Iterable[Sample],
    dataset: Dataset,
    *,
    collectors: Sequence[PooledMetrics | BinnedMetrics] = (),
) -> list[dict[str, float]]:
    """Metrics of each sample that has a valid pixel; predictions are clipped to the range.

    Args:
        predict: gives the depth of an RGB image.
        samples: what to predict.
        dataset: says the range.
        collectors: are given the same valid pixels, for metrics over all images together.
    """
    rows = []
    for sample in samples:
        if not sample.valid.any():
            continue
        depth_m = np.clip(predict(sample.rgb), max(dataset.min_depth_m, 1e-3), dataset.max_depth_m)
        true_m, pred_m = sample.depth_m[sample.valid], depth_m[sample.valid]
        rows.append(depth_metrics(true_m, pred_m))
        for collector in collectors:
            collector.add(true_m, pred_m)
    return rows
