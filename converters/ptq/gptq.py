"""GPTQ: round the weights of one input after the other, and let later weights correct the error.

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

# Inputs whose effect on later inputs is added in one matrix product.
BLOCK = 64


def triangular_factor(gram: Array) -> Array:
    """Return the upper triangular R of gram = R R^T, (groups, inputs, inputs)."""
    turned = gram[:, ::-1, ::-1]
    return np.asarray(np.linalg.cholesky(turned)[:, ::-1, ::-1], np.float64)


def farthest(weights: Array, *, per_channel: bool) -> npt.NDArray[np.bool_]:
    """Return a mask of the largest weight of each filter, or of all filters."""
    magnitude = np.abs(weights)
    axis = 2 if per_channel else None
    return np.asarray(magnitude == magnitude.max(axis=axis, keepdims=True))


def gptq_round(weights: Array, end: Array, factor: Array, at_end: npt.NDArray[np.bool_]) -> Array:
    """Round weights to a grid.

    Args:
        weights: (groups, filters, inputs).
        end: of the grid, 127 steps; broadcast over (groups, filters, 1).
        factor: `triangular_factor` of the mean products of inputs.
        at_end: mask of the weights that become the end of the grid. The writer finds the grid from
            them.

    Returns:
        Whole steps, of the shape of `weights`.
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
