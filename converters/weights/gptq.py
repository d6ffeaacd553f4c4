"""Rounding in turn: what each rounding spoils, the weights still to come make good.

E. Frantar, S. Ashkboos, T. Hoefler and D. Alistarh, "GPTQ: Accurate Post-Training Quantization for
Generative Pre-trained Transformers" (ICLR 2023), section 3; here of stacks of matrices.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.weights.grid import LEVELS

Array = npt.NDArray[np.float64]


def rounded_in_turn(weights: Array, end: Array, gram: Array) -> Array:
    """Put weights on a grid, one input at a time.

    Args:
        weights: (groups, filters, inputs).
        end: of the grid, 127 steps, to be broadcast over the weights.
        gram: mean product of any two inputs, (groups, inputs, inputs), positive definite.

    Returns:
        Of the shape of `weights`, whole steps, one of each scale at the end of its grid: by this
        the converter finds the same grid.
    """
    upper = np.swapaxes(np.linalg.cholesky(np.linalg.inv(gram)), 1, 2)
    step = np.broadcast_to(end / LEVELS, weights.shape)
    at_end = _farthest(weights, step, one_scale=end.size == 1)
    weights, rounded = weights.copy(), np.empty_like(weights)
    for i in range(weights.shape[2]):
        column, unit = weights[:, :, i], step[:, :, i]
        level = np.clip(np.rint(column / unit), -LEVELS, LEVELS)
        level = np.where(at_end[:, :, i], np.copysign(LEVELS, column), level)
        rounded[:, :, i] = level * unit
        error = (column - rounded[:, :, i]) / upper[:, i, i, None]
        weights[:, :, i + 1 :] -= error[:, :, None] * upper[:, None, i, i + 1 :]
    return rounded


def _farthest(weights: Array, step: Array, *, one_scale: bool) -> npt.NDArray[np.bool_]:
    reach = np.abs(weights) / step
    return np.asarray(reach == (reach.max() if one_scale else reach.max(axis=2, keepdims=True)))
