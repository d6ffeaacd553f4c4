"""Rounding weights one input at a time: the weights to come make up for what each rounding changed.

E. Frantar, S. Ashkboos, T. Hoefler and D. Alistarh, "GPTQ: Accurate Post-Training Quantization for
Generative Pre-trained Transformers" (ICLR 2023), in the equivalent form of Babai's nearest plane
algorithm, which needs no inverse (J. Chen et al., "The Geometry of LLM Quantization: GPTQ as
Babai's Nearest Plane Algorithm", 2025).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.quantize.parameters import WEIGHT_LEVELS

Array = npt.NDArray[np.float64]

# Inputs whose effect on those behind them is added up at once, as a matrix product.
BLOCK = 64


def triangular_factor(gram: Array) -> Array:
    """The upper triangular R of gram = R R^T, (groups, inputs, inputs)."""
    turned = gram[:, ::-1, ::-1]
    return np.asarray(np.linalg.cholesky(turned)[:, ::-1, ::-1], np.float64)


def farthest(weights: Array, *, per_channel: bool) -> npt.NDArray[np.bool_]:
    """Where the largest weights are: of each filter, or of all of them."""
    magnitude = np.abs(weights)
    axis = 2 if per_channel else None
    return np.asarray(magnitude == magnitude.max(axis=axis, keepdims=True))


def gptq_round(weights: Array, end: Array, factor: Array, at_end: npt.NDArray[np.bool_]) -> Array:
    """Put weights on a grid.

    Args:
        weights: (groups, filters, inputs).
        end: of the grid, 127 steps, to be broadcast over (groups, filters, 1).
        factor: of the mean product of any two inputs, as `triangular_factor` gives it.
        at_end: like `weights`: those that go to the end of the grid, by which the writer finds the
            same grid.

    Returns:
        Of the shape of `weights`, whole steps.
    """
    groups, filters, inputs = weights.shape
    unit = np.broadcast_to(end / WEIGHT_LEVELS, (groups, filters, 1))[..., 0]
    rounded, error = np.empty_like(weights), np.zeros_like(weights)
    for begin in range(0, inputs, BLOCK):
        stop = min(begin + BLOCK, inputs)
        carried = error[:, :, :begin] @ factor[:, :begin, begin:stop]
        for i in range(begin, stop):
            owed = carried[:, :, i - begin]
            if i > begin:
                owed = owed + (error[:, :, begin:i] @ factor[:, begin:i, i, None])[..., 0]
            target = weights[:, :, i] + owed / factor[:, i, i, None]
            level = np.clip(np.rint(target / unit), -WEIGHT_LEVELS, WEIGHT_LEVELS)
            level = np.where(at_end[:, :, i], np.copysign(WEIGHT_LEVELS, target), level)
            rounded[:, :, i] = level * unit
            error[:, :, i] = weights[:, :, i] - rounded[:, :, i]
    return rounded
