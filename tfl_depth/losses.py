"""Training losses: pure functions of depth in meters, backend-neutral.

Each takes `depth_true` and `depth_pred`, (batch, H, W, 1) float32 in meters. A true depth of 0
marks a pixel without a reading. Each returns a scalar float32: a mean over the pixels with a
reading, or 0 without any. `two_head_loss` alone takes two predictions. Arguments are not checked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from keras import ops

__all__ = [
    "BERHU_SHARE",
    "CONSISTENCY_WEIGHT",
    "FRACTIONAL_WEIGHT",
    "GRADIENT_SCALES",
    "GRADIENT_SPACINGS",
    "INTEGER_WEIGHT",
    "LOSSES",
    "MIN_DEPTH_M",
    "LossName",
    "berhu",
    "log_gradient",
    "log_l1",
    "log_l1_with_gradient",
    "scale_invariant_gradient",
    "silog",
    "two_head_loss",
]

# A linear head can predict zero or less. Below this depth the losses are linear in it.
MIN_DEPTH_M = 0.1
GRADIENT_SCALES = 4
# In pixels, from Ummenhofer et al.
GRADIENT_SPACINGS = (1, 2, 4, 8, 16)
# Share of the largest residual above which residuals are squared, from Laina et al.
BERHU_SHARE = 0.2
# Of the terms of `two_head_loss`, from the first attempt at two heads (docs/history.md).
INTEGER_WEIGHT = 1.0
FRACTIONAL_WEIGHT = 10.0
CONSISTENCY_WEIGHT = 0.5

# Below this value the root is replaced by a straight line, since its slope is infinite at zero.
_LEAST_ROOT = 1e-6
# Meters. It prevents a division by zero for a batch without any residual.
_LEAST_BERHU_THRESHOLD = 1e-6
_IMAGE_AXES = (1, 2, 3)


def log_l1(depth_true: Any, depth_pred: Any) -> Any:
    """Mean |log prediction - log truth|: the relative error, the same for too near and too far."""
    residual, valid = _log_residual(depth_true, depth_pred)
    return _masked_mean(ops.abs(residual), valid)


def log_gradient(depth_true: Any, depth_pred: Any) -> Any:
    """Multi-scale gradient of the log residual, for sharp edges and smooth surfaces.

    Z. Li and N. Snavely, "MegaDepth" (CVPR 2018), equation 4, with a mean over the pixels of each
    scale instead of a sum, so that all scales have the same weight.
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


def silog(depth_true: Any, depth_pred: Any, *, lambda_: float = 0.85) -> Any:
    """Root of the scale-invariant log error. `lambda_` is the discount for a common factor.

    For each image sqrt(mean(d^2) - lambda_ * mean(d)^2), where d is the log residual; then the mean
    over the images with a reading.

    D. Eigen, C. Puhrsch and R. Fergus, "Depth Map Prediction from a Single Image using a
    Multi-Scale Deep Network" (NIPS 2014), equation 4, have no root and 0.5. The root and 0.85 are
    from J. H. Lee et al., "From Big to Small" (BTS, 2019), who treat the batch as one image and
    multiply by 10. Here the factor is 1, for the same magnitude as `log_l1`.

    Args:
        depth_true: see the module.
        depth_pred: see the module.
        lambda_: 0 to 1. With 1 the loss is the standard deviation of d, which ignores a common
            factor; with 0 it is the root mean square.
    """
    residual, valid = _log_residual(depth_true, depth_pred)
    mean = _image_mean(residual, valid)
    # The same as mean(d^2) - lambda * mean(d)^2, but float32 cannot cancel it below zero.
    error = _image_mean((residual - mean) ** 2, valid) + (1 - lambda_) * mean**2
    return _masked_mean(_root(error), ops.max(valid, axis=_IMAGE_AXES, keepdims=True))


def scale_invariant_gradient(depth_true: Any, depth_pred: Any) -> Any:
    """Relative steps between pixels 1 to 16 apart. A common factor is ignored.

    B. Ummenhofer et al., "DeMoN: Depth and Motion Network for Learning Monocular Stereo" (CVPR
    2017), equations 8 and 9: g_h has the two differences (down and right) at spacing h, each
    divided by the sum of the two absolute depths. The loss is the 2-norm of its error. The paper
    takes inverse depth, which only changes the sign of g_h, and sums. This function takes the mean
    over the pixels whose two neighbors exist and have readings, and then over the spacings.
    """
    valid = _valid(depth_true)
    total = 0.0
    for spacing in GRADIENT_SPACINGS:
        here, down, right = _neighbors(valid, spacing)
        true_down, true_right = _relative_steps(depth_true, spacing)
        pred_down, pred_right = _relative_steps(depth_pred, spacing)
        norm = _root((pred_down - true_down) ** 2 + (pred_right - true_right) ** 2)
        total += _masked_mean(norm, here * down * right)
    return total / len(GRADIENT_SPACINGS)


def berhu(depth_true: Any, depth_pred: Any) -> Any:
    """Reverse Huber loss of the residual in meters: absolute if small, squared if large.

    I. Laina et al., "Deeper Depth Prediction with Fully Convolutional Residual Networks" (3DV
    2016): |x| up to c and (x^2 + c^2) / 2c above, where c is a fifth of the largest |x| of the
    batch's valid pixels. c is a constant: it has no gradient.
    """
    valid = _valid(depth_true)
    size = ops.abs(depth_pred - depth_true)
    threshold = ops.maximum(BERHU_SHARE * ops.max(size * valid), _LEAST_BERHU_THRESHOLD)
    threshold = ops.stop_gradient(threshold)
    squared = (size**2 + threshold**2) / (2 * threshold)
    return _masked_mean(ops.where(size <= threshold, size, squared), valid)


def two_head_loss(depth_true: Any, integer: Any, fractional: Any, *, max_depth_m: float) -> Any:
    """The loss of two trained sigmoid heads, whole meters and fraction of a meter.

    It is the baseline for the exact split. The weights and the sum of the heads are those of the
    first attempt (docs/history.md). All three terms are L1, the integer term is in meters and not a
    share of the range, and the mean is over valid pixels.

    Args:
        depth_true: see the module; at most `max_depth_m`.
        integer: (batch, H, W, 1) float32 of 0 to 1; its target is floor(depth) / max_depth_m.
        fractional: (batch, H, W, 1) float32 of 0 to 1; its target is depth - floor(depth) in m.
        max_depth_m: depth in meters where `integer` is 1.
    """
    valid = _valid(depth_true)
    whole_m, whole_true_m = integer * max_depth_m, ops.floor(depth_true)
    return (
        INTEGER_WEIGHT * _l1(whole_m, whole_true_m, valid)
        + FRACTIONAL_WEIGHT * _l1(fractional, depth_true - whole_true_m, valid)
        + CONSISTENCY_WEIGHT * _l1(whole_m + fractional, depth_true, valid)
    )


# The losses for training recipes. `log_gradient` and `scale_invariant_gradient` are missing: they
# ignore a common factor, so they alone cannot train metric depth.
LossName = Literal["berhu", "log_l1", "log_l1_with_gradient", "silog"]
LOSSES: dict[LossName, Callable[[Any, Any], Any]] = {
    "berhu": berhu,
    "log_l1": log_l1,
    "log_l1_with_gradient": log_l1_with_gradient,
    "silog": silog,
}


def _log_residual(depth_true: Any, depth_pred: Any) -> tuple[Any, Any]:
    """The log residual, and the mask of pixels with a true depth."""
    return _log(depth_pred) - _log(depth_true), _valid(depth_true)


def _valid(depth_true: Any) -> Any:
    return ops.cast(depth_true > 0, "float32")


def _log(depth: Any) -> Any:
    """The logarithm; below MIN_DEPTH_M its tangent."""
    below = ops.minimum(depth - MIN_DEPTH_M, 0.0) / MIN_DEPTH_M
    return ops.log(ops.maximum(depth, MIN_DEPTH_M)) + below


def _root(square: Any) -> Any:
    """The square root; below _LEAST_ROOT a line through zero, since its slope is finite."""
    return square / ops.sqrt(ops.maximum(square, _LEAST_ROOT**2))


def _neighbors(image: Any, spacing: int) -> tuple[Any, Any, Any]:
    """The pixels with both neighbors, and their neighbors `spacing` pixels down and right."""
    here = image[:, :-spacing, :-spacing]
    return here, image[:, spacing:, :-spacing], image[:, :-spacing, spacing:]


def _relative_steps(depth: Any, spacing: int) -> tuple[Any, Any]:
    here, down, right = _neighbors(depth, spacing)
    return _relative_step(here, down), _relative_step(here, right)


def _relative_step(here: Any, there: Any) -> Any:
    # Two pixels without a reading, or with a prediction of zero, must not divide by zero.
    return (there - here) / ops.maximum(ops.abs(there) + ops.abs(here), MIN_DEPTH_M)


def _l1(values: Any, expected: Any, mask: Any) -> Any:
    return _masked_mean(ops.abs(values - expected), mask)


def _image_mean(values: Any, mask: Any) -> Any:
    """The mean of each image, (batch, 1, 1, 1); 0 if its mask is empty."""
    count = ops.sum(mask, axis=_IMAGE_AXES, keepdims=True)
    return ops.sum(values * mask, axis=_IMAGE_AXES, keepdims=True) / ops.maximum(count, 1.0)


def _masked_mean(values: Any, mask: Any) -> Any:
    return ops.sum(values * mask) / ops.maximum(ops.sum(mask), 1.0)
