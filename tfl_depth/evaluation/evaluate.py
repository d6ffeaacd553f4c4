"""From an image to a metric, by the usual protocol: unaligned, per image, full size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tfl_depth.data.datasets import Dataset
from tfl_depth.data.samples import Sample
from tfl_depth.encoding import DepthMm
from tfl_depth.evaluation.edges import EdgeErrors
from tfl_depth.evaluation.metrics import BinnedMetrics, PooledMetrics, depth_metrics
from tfl_depth.format.contract import Contract
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.fit import DEFAULT_FIT, Fit, depth_in_frame, fit_frame, fit_pixels

if TYPE_CHECKING:
    import keras

    from tfl_depth.boards.frame_stream import FrameStream

__all__ = [
    "Predictor",
    "evaluate",
    "frames_predictor",
    "keras_predictor",
    "runner_predictor",
]

# (H, W, 3) uint8 RGB -> (H, W) float32 depth in meters, nan outside of the network's view.
Predictor = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]


def keras_predictor(model: keras.Model, fit: Fit = DEFAULT_FIT) -> Predictor:
    """Depth of an image by a Keras model with the single head, enlarged to the image's size.

    Args:
        model: the network.
        fit: how an image is fitted to its aspect ratio. Depth is nan where the fit crops the image.
    """
    size: tuple[int, int] = model.input_shape[1:3]

    def predict(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        place = fit_frame((rgb.shape[0], rgb.shape[1]), size, fit)
        pixels = fit_pixels(rgb, place).astype(np.float32)[None]
        grid = np.asarray(model.predict_on_batch(pixels)[0, ..., 0], np.float32)
        return depth_in_frame(grid, place)

    return predict


def runner_predictor(runner: DepthRunner) -> Predictor:
    """Depth of an image by a converted model in whole millimeters, as users get it."""

    def predict(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return _seen_m(runner.infer(rgb, channels="rgb"), runner.model_size, runner.fit)

    return predict


def frames_predictor(stream: FrameStream, contract: Contract) -> Predictor:
    """Like `runner_predictor`, with a runner on a board. The contract is the model's."""
    size = (contract.height, contract.width)

    def predict(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return _seen_m(stream.infer(rgb), size, contract.fit)

    return predict


def _seen_m(depth_mm: DepthMm, model_size: tuple[int, int], fit: Fit) -> npt.NDArray[np.float32]:
    """Depth of an image (H, W) in meters, nan outside of the view of a network of this size."""
    height, width = depth_mm.shape
    seen = fit_frame((height, width), model_size, fit).frame
    shown = np.full(depth_mm.shape, np.nan, np.float32)
    shown[seen.slices] = depth_mm[seen.slices] / 1000
    return shown


def evaluate(
    predict: Predictor,
    samples: Iterable[Sample],
    dataset: Dataset,
    *,
    collectors: Sequence[PooledMetrics | BinnedMetrics] = (),
    edges: EdgeErrors | None = None,
) -> list[dict[str, float]]:
    """Metrics of each sample that has a valid pixel; predictions are clipped to the range.

    Pixels outside of the network's view do not count (its fit may crop the image).

    Args:
        predict: gives the depth of an RGB image.
        samples: what to predict.
        dataset: has the range.
        collectors: get the same valid pixels, for metrics over all images together.
        edges: gets the same depths, for the errors of their edges.
    """
    rows = []
    for sample in samples:
        if not sample.valid.any():
            continue
        depth_m = np.clip(predict(sample.rgb), max(dataset.min_depth_m, 1e-3), dataset.max_depth_m)
        valid = sample.valid & ~np.isnan(depth_m)
        if not valid.any():
            continue
        true_m, pred_m = sample.depth_m[valid], depth_m[valid]
        rows.append(depth_metrics(true_m, pred_m))
        for collector in collectors:
            collector.add(true_m, pred_m)
        if edges is not None:
            edges.add(sample.depth_m, depth_m, valid)
    return rows
