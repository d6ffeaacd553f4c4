"""A prediction beside its ground truth, for people."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfl_depth.data.samples import Sample
from tfl_depth.runtime.colorize import colorize, with_white_below

# Errors beyond this look alike: one scale for all pictures, so that they can be compared.
ERROR_MM = 1000


def comparison_picture(
    sample: Sample, depth_pred_m: npt.NDArray[np.floating]
) -> npt.NDArray[np.uint8]:
    """Photo, ground truth, prediction, and absolute error, in a row with legends.

    Truth and prediction share a scale, from the truth's nearest to its farthest valid depth; the
    error's ends at 1 m, and its legend says where there is more. Where there is no valid truth,
    truth and error are gray.

    Args:
        sample: photo and ground truth.
        depth_pred_m: (H, W) meters.

    Returns:
        (H + legend, 4 W, 3) uint8, BGR.
    """
    true_mm = _millimeters(np.where(sample.valid, sample.depth_m, 0))
    pred_mm = _millimeters(depth_pred_m)
    limits = int(true_mm[sample.valid].min()), int(true_mm[sample.valid].max())
    error_mm = np.abs(true_mm.astype(np.int64) - pred_mm)
    # 0 would be drawn as missing; an error of nothing is drawn as one of a millimeter.
    error_mm = np.where(sample.valid, np.maximum(error_mm, 1), 0).astype(np.uint32)
    maps = [colorize(true_mm, *limits), colorize(pred_mm, *limits)]
    # Reversed, so that a large error is what shines.
    maps.append(colorize(error_mm, ERROR_MM, 0))
    bgr = np.ascontiguousarray(sample.rgb[..., ::-1])
    return np.hstack([with_white_below(bgr, maps[0].shape[0]), *maps])


def _millimeters(depth_m: npt.NDArray[np.floating]) -> npt.NDArray[np.uint32]:
    return np.asarray(np.rint(1000 * depth_m), np.uint32)
