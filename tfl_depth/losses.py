"""Training losses: pure functions of depth in metres, backend-neutral.

Each takes `depth_true` and `depth_pred`, (batch, H, W, 1) float32 in metres, where a true depth
of 0 marks a pixel without a reading, and returns a scalar mean over the pixels that have one.
"""

from __future__ import annotations

from typing import Any

from keras import ops

# A linear head can say zero or less; from here on it is only pushed back up, linearly.
MIN_DEPTH_M = 0.1
GRADIENT_SCALES = 4


def log_l1(depth_true: Any, depth_pred: Any) -> Any:
    """Mean |log prediction - log truth|: the relative error, alike for too near and too far."""
    residual, valid = _log_residual(depth_true, depth_pred)
    return _masked_mean(ops.abs(residual), valid)


def log_gradient(depth_true: Any, depth_pred: Any) -> Any:
    """Multi-scale gradient of the log residual: edges in place, surfaces smooth.

    Z. Li and N. Snavely, "MegaDepth" (CVPR 2018), equation 4; there per scale a sum over pixels,
    here a mean, so that the scales weigh alike.
    """
    residual, valid = _log_residual(depth_true, depth_pred)
    total = 0.0
    for scale in range(GRADIENT_SCALES):
        step = 2**scale
        r, v = residual[:, ::step, ::step], valid[:, ::step, ::step]
        total += _masked_mean(ops.abs(r[:, 1:] - r[:, :-1]), v[:, 1:] * v[:, :-1])
        total += _masked_mean(ops.abs(r[:, :, 1:] - r[:, :, :-1]), v[:, :, 1:] * v[:, :, :-1])
    return total / GRADIENT_SCALES


def log_l1_with_gradient(depth_true: Any, depth_pred: Any) -> Any:
    """`log_l1` plus half of `log_gradient`."""
    return log_l1(depth_true, depth_pred) + 0.5 * log_gradient(depth_true, depth_pred)


def _log_residual(depth_true: Any, depth_pred: Any) -> tuple[Any, Any]:
    """Log residual, and the mask of pixels that have a truth."""
    return _log(depth_pred) - _log(depth_true), ops.cast(depth_true > 0, "float32")


def _log(depth: Any) -> Any:
    """Logarithm, continued below MIN_DEPTH_M by its tangent."""
    below = ops.minimum(depth - MIN_DEPTH_M, 0.0) / MIN_DEPTH_M
    return ops.log(ops.maximum(depth, MIN_DEPTH_M)) + below


def _masked_mean(values: Any, mask: Any) -> Any:
    return ops.sum(values * mask) / ops.maximum(ops.sum(mask), 1.0)
