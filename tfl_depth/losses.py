"""Training losses: pure functions of depth in meters, backend-neutral.

Each takes `depth_true` and `depth_pred`, (batch, H, W, 1) float32 in meters, where a true depth
of 0 marks a pixel without a reading, and returns a scalar float32: a mean over the pixels that have
one, 0 where none has. Only `seed_dual_head` takes two predictions. None checks its arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from keras import ops

__all__ = [
    "BERHU_SHARE",
    "GRADIENT_SCALES",
    "GRADIENT_SPACINGS",
    "LOSSES",
    "MIN_DEPTH_M",
    "SEED_CONSISTENCY_WEIGHT",
    "SEED_FRACTIONAL_WEIGHT",
    "SEED_INTEGER_WEIGHT",
    "LossName",
    "berhu",
    "log_gradient",
    "log_l1",
    "log_l1_with_gradient",
    "scale_invariant_gradient",
    "seed_dual_head",
    "silog",
]

# A linear head can say zero or less; from here on it is only pushed back up, linearly.
MIN_DEPTH_M = 0.1
GRADIENT_SCALES = 4
# Of Ummenhofer et al., in pixels.
GRADIENT_SPACINGS = (1, 2, 4, 8, 16)
# Of Laina et al.: from this share of the largest residual on, it counts squared.
BERHU_SHARE = 0.2
# The seed project's.
SEED_INTEGER_WEIGHT = 1.0
SEED_FRACTIONAL_WEIGHT = 10.0
SEED_CONSISTENCY_WEIGHT = 0.5

# At zero the slope of a root is infinite; below this value it is a straight line.
_LEAST_ROOT = 1e-6
# Meters. Keeps a batch without any residual from dividing by zero.
_LEAST_BERHU_THRESHOLD = 1e-6
_IMAGE_AXES = (1, 2, 3)


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


def silog(depth_true: Any, depth_pred: Any, *, lambda_: float = 0.85) -> Any:
    """Root of the scale-invariant log error, an image's common factor forgiven to `lambda_`.

    Per image sqrt(mean(d^2) - lambda_ * mean(d)^2), d the log residual; then the mean over the
    images that have a reading.

    D. Eigen, C. Puhrsch and R. Fergus, "Depth Map Prediction from a Single Image using a
    Multi-Scale Deep Network" (NIPS 2014), equation 4, without a root and with 0.5. The root and
    0.85 are those of J. H. Lee et al., "From Big to Small" (BTS, 2019), who take the batch as one
    image and multiply by 10; here the factor is 1, so that it weighs like `log_l1`.

    Args:
        depth_true: as the module says.
        depth_pred: as the module says.
        lambda_: 0 to 1. At 1 it is the standard deviation of d, blind to a common factor; at 0 its
            root mean square.
    """
    residual, valid = _log_residual(depth_true, depth_pred)
    mean = _image_mean(residual, valid)
    # The same as mean(d^2) - lambda * mean(d)^2, but float32 cannot cancel it below zero.
    error = _image_mean((residual - mean) ** 2, valid) + (1 - lambda_) * mean**2
    return _masked_mean(_root(error), ops.max(valid, axis=_IMAGE_AXES, keepdims=True))


def scale_invariant_gradient(depth_true: Any, depth_pred: Any) -> Any:
    """Relative steps between pixels 1 to 16 apart; blind to a common factor.

    B. Ummenhofer et al., "DeMoN: Depth and Motion Network for Learning Monocular Stereo" (CVPR
    2017), equations 8 and 9: g_h, the two differences (down and right) at spacing h, each over the
    sum of the two absolute depths, compared by the 2-norm. There of inverse depth, which only
    turns the sign of g_h; there summed, here per spacing a mean over the pixels whose two
    neighbors exist and have a reading too, then the mean over the spacings.
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
    """Reverse Huber loss of the residual in meters: absolute when small, squared when large.

    I. Laina et al., "Deeper Depth Prediction with Fully Convolutional Residual Networks" (3DV
    2016): |x| up to c, (x^2 + c^2) / 2c beyond, with c a fifth of the largest |x| of the batch,
    here among valid pixels. c is a constant of the step: no gradient passes it.
    """
    valid = _valid(depth_true)
    size = ops.abs(depth_pred - depth_true)
    threshold = ops.maximum(BERHU_SHARE * ops.max(size * valid), _LEAST_BERHU_THRESHOLD)
    threshold = ops.stop_gradient(threshold)
    squared = (size**2 + threshold**2) / (2 * threshold)
    return _masked_mean(ops.where(size <= threshold, size, squared), valid)


def seed_dual_head(depth_true: Any, integer: Any, fractional: Any, *, max_depth_m: float) -> Any:
    """The seed project's loss of two trained sigmoid heads, whole meters and fraction of a meter.

    A baseline to measure the exact split against. From the seed are the weights 1.0, 10.0 and 0.5
    and that the heads are put together by a sum. The rest is our reading: L1 for all three terms,
    the integer term in meters rather than in shares of the range, and the mean over valid pixels.

    Args:
        depth_true: as the module says, at most `max_depth_m`.
        integer: (batch, H, W, 1) float32 of 0 to 1, to be floor(depth) / max_depth_m.
        fractional: (batch, H, W, 1) float32 of 0 to 1, to be depth - floor(depth), in meters.
        max_depth_m: what an integer head of 1 means, in meters.
    """
    valid = _valid(depth_true)
    whole_m, whole_true_m = integer * max_depth_m, ops.floor(depth_true)
    return (
        SEED_INTEGER_WEIGHT * _l1(whole_m, whole_true_m, valid)
        + SEED_FRACTIONAL_WEIGHT * _l1(fractional, depth_true - whole_true_m, valid)
        + SEED_CONSISTENCY_WEIGHT * _l1(whole_m + fractional, depth_true, valid)
    )


# By name, for training recipes. `log_gradient` and `scale_invariant_gradient` are not among them:
# blind to a common factor, they teach no metric depth alone.
LossName = Literal["berhu", "log_l1", "log_l1_with_gradient", "silog"]
LOSSES: dict[LossName, Callable[[Any, Any], Any]] = {
    "berhu": berhu,
    "log_l1": log_l1,
    "log_l1_with_gradient": log_l1_with_gradient,
    "silog": silog,
}


def _log_residual(depth_true: Any, depth_pred: Any) -> tuple[Any, Any]:
    """Log residual, and the mask of pixels that have a truth."""
    return _log(depth_pred) - _log(depth_true), _valid(depth_true)


def _valid(depth_true: Any) -> Any:
    return ops.cast(depth_true > 0, "float32")


def _log(depth: Any) -> Any:
    """Logarithm, continued below MIN_DEPTH_M by its tangent."""
    below = ops.minimum(depth - MIN_DEPTH_M, 0.0) / MIN_DEPTH_M
    return ops.log(ops.maximum(depth, MIN_DEPTH_M)) + below


def _root(square: Any) -> Any:
    """Square root; below _LEAST_ROOT a line through zero, whose slope is finite."""
    return square / ops.sqrt(ops.maximum(square, _LEAST_ROOT**2))


def _neighbors(image: Any, spacing: int) -> tuple[Any, Any, Any]:
    """Pixels that have both, and their neighbors `spacing` down and right."""
    here = image[:, :-spacing, :-spacing]
    return here, image[:, spacing:, :-spacing], image[:, :-spacing, spacing:]


def _relative_steps(depth: Any, spacing: int) -> tuple[Any, Any]:
    here, down, right = _neighbors(depth, spacing)
    return _relative_step(here, down), _relative_step(here, right)


def _relative_step(here: Any, there: Any) -> Any:
    # Two pixels without a reading, or predicted as zero, must not divide by zero.
    return (there - here) / ops.maximum(ops.abs(there) + ops.abs(here), MIN_DEPTH_M)


def _l1(values: Any, expected: Any, mask: Any) -> Any:
    return _masked_mean(ops.abs(values - expected), mask)


def _image_mean(values: Any, mask: Any) -> Any:
    """(batch, 1, 1, 1): each image's mean; 0 where its mask is empty."""
    count = ops.sum(mask, axis=_IMAGE_AXES, keepdims=True)
    return ops.sum(values * mask, axis=_IMAGE_AXES, keepdims=True) / ops.maximum(count, 1.0)


def _masked_mean(values: Any, mask: Any) -> Any:
    return ops.sum(values * mask) / ops.maximum(ops.sum(mask), 1.0)
