"""Chooses weights and biases so that each operator's output is close to the float network's.

From input to output, each operator with a kernel is solved as a linear regression. Its features are
computed with the kernels that are already rounded; its targets are the outputs of the float
network. GPTQ then rounds its weights to several grids. The grid with the least error after the
activation is chosen. The objective is that of AdaRound (M. Nagel et al., "Up or Down? Adaptive
Rounding for Post-Training Quantization", ICML 2020), but it is solved and not trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, GraphRunner, Operator, constant
from tfl_depth.converters.graph.kernels import bias_of, kernel_of, set_bias, set_kernel
from tfl_depth.converters.ptq.activation_bounds import channel_importance, clipping_bounds
from tfl_depth.converters.ptq.activation_sampler import ActivationSampler
from tfl_depth.converters.ptq.context import QuantizationContext
from tfl_depth.converters.ptq.gptq import farthest, gptq_round, triangular_factor
from tfl_depth.converters.ptq.kernel_matrix import KernelMatrix
from tfl_depth.converters.ptq.layerwise import images_that_fit, run_layerwise
from tfl_depth.converters.quantize.rules import PER_CHANNEL

# Damping, as a share of the features' mean square. It keeps weights that have no data.
DAMPING = 0.01
# Ends of the grids to try, as shares of the largest weight. Depthwise filters get more, since they
# are cheap to try and the least even.
ENDS = (1.0, 0.85, 0.7, 0.5)
DEPTHWISE_ENDS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05)
# Weight of a sample that the activation clips entirely.
CUT, SLACK = 0.05, 0.5
TINY = 1e-9
# Largest number of inputs that are solved together. A wider kernel is solved in parts, to limit
# the memory.
WIDEST, PART = 4608, 3072
# Largest number of weights, on all grids, that are rounded together.
ROUNDED = 2**22
# Number of samples to compare grids.
COMPARED = 2048

Array = npt.NDArray[Any]
Images = Sequence[npt.NDArray[np.float32]]


def reconstruct_layers(context: QuantizationContext) -> None:
    """Round kernels to int8 grids so that the operators' outputs change least."""
    graph, found = context.graph, context.operators()
    images = context.images[: images_that_fit(graph, len(context.images))]
    samplers = {op: ActivationSampler(op, len(images)) for op in found}
    expected = _sampled_outputs(graph, samplers, images)
    importance = {op: channel_importance(graph, op) for op in found}
    bar = iter(context.progress(found, len(found), "round weights"))

    def visit(operator: Operator, maps: Array) -> None:
        if operator not in samplers:
            return
        next(bar)
        matrix = KernelMatrix(operator)
        task = _Task(
            x=matrix.patches(samplers[operator].patches(maps)),
            y=matrix.outputs(expected.pop(operator)),
            clip=clipping_bounds(graph, operator),
            importance=matrix.outputs(importance[operator]),
        )
        _replace(operator, matrix, *_solved(operator, matrix, task, context.per_channel))

    run_layerwise(graph, images, visit)
    # The last step of the progress bar.
    next(bar, None)


def _sampled_outputs(
    graph: Graph, samplers: Mapping[Operator, ActivationSampler], images: Images
) -> dict[Operator, Array]:
    """Return the outputs of the float network's operators at the samples, (samples, channels)."""
    runner = GraphRunner(graph, [operator.output for operator in samplers])
    (source,) = graph.inputs.values()
    found: dict[Operator, list[Array]] = {operator: [] for operator in samplers}
    for place, image in enumerate(images):
        values = runner({source: image})
        for operator, sampler in samplers.items():
            found[operator].append(sampler.outputs(place, values[operator.output]))
    return {operator: np.concatenate(parts) for operator, parts in found.items()}


def _replace(operator: Operator, matrix: KernelMatrix, weights: Array, bias: Array) -> None:
    kernel, old = kernel_of(operator), bias_of(operator)
    set_kernel(operator, constant(kernel.name, matrix.kernel(weights)))
    name = f"{kernel.name}_bias" if old is None else old.name
    set_bias(operator, constant(name, matrix.flat(bias)))


@dataclass(frozen=True)
class _Task:
    """The regression of one operator.

    Attributes:
        x, y: features (groups, samples, inputs) and targets (groups, samples, filters), float32.
        clip: bounds of the activation after it.
        importance: of an error in each filter, (groups, filters).
    """

    x: Array
    y: Array
    clip: tuple[float, float]
    importance: Array

    def sample_weights(self) -> Array:
        """Weight of each sample, (groups, samples, 1); the mean is 1."""
        low, high = self.clip
        inside = ((self.y > low - SLACK) & (self.y < high + SLACK)).any(axis=2, keepdims=True)
        counts = np.where(inside, np.float32(1), np.float32(CUT))
        return np.asarray(counts / counts.mean(axis=1, keepdims=True))

    def errors(self, weights: Array, bias: Array) -> Array:
        """Return the mean squared error of each filter after the activation, (groups, filters)."""
        step = -(-self.x.shape[1] // COMPARED)
        outputs = self.x[:, ::step] @ np.asarray(np.swapaxes(weights, 1, 2), np.float32)
        outputs += bias[:, None].astype(np.float32)
        error = np.clip(outputs, *self.clip) - np.clip(self.y[:, ::step], *self.clip)
        return np.asarray(np.square(error).mean(axis=1))


@dataclass(frozen=True)
class _Centered:
    """A task with its means subtracted, and with each sample scaled by the root of its weight.

    Attributes:
        x, y: like the task's.
        x_mean, y_mean: (groups, inputs) and (groups, filters).
    """

    x: Array
    y: Array
    x_mean: Array
    y_mean: Array

    @classmethod
    def of(cls, task: _Task) -> _Centered:
        counts = task.sample_weights()
        x_mean, y_mean = (counts * task.x).mean(axis=1), (counts * task.y).mean(axis=1)
        root = np.sqrt(counts)
        x, y = task.x - x_mean[:, None], task.y - y_mean[:, None]
        x *= root
        y *= root
        return cls(x, y, x_mean.astype(np.float64), y_mean.astype(np.float64))


def _solved(
    operator: Operator, matrix: KernelMatrix, task: _Task, per_channel: bool
) -> tuple[Array, Array]:
    """Solve for the operator's weights (groups, filters, inputs) and biases (groups, filters)."""
    per_channel = per_channel and operator.kind in PER_CHANNEL
    shares = DEPTHWISE_ENDS if operator.kind == "DEPTHWISE_CONV_2D" else ENDS
    centered = _Centered.of(task)
    weights = matrix.weights(kernel_of(operator).constant)
    width = matrix.inputs if matrix.inputs <= WIDEST else PART
    parts = [slice(i, i + width) for i in range(0, matrix.inputs, width)]
    whole = _gram(centered.x) if len(parts) == 1 else None
    if whole is not None:
        weights = _regressed(weights, centered, whole)
    top = _largest(weights, per_channel=per_channel)
    at_end = farthest(weights, per_channel=per_channel)
    # For a wide kernel these take hundreds of megabytes.
    tried = np.empty((len(shares), *weights.shape), np.float32)
    for part in parts:
        factor = triangular_factor(_gram(centered.x[:, :, part]) if whole is None else whole)
        tried[..., part] = _rounded(weights[..., part], top, shares, factor, at_end[..., part])
    candidates = [_Candidate.of(rounded, centered, task) for rounded in tried]
    best = candidates[0]
    for other in candidates[1:]:
        best = best.better(other, per_channel=per_channel)
    return best.weights, best.bias


def _gram(x: Array) -> Array:
    """Return the mean products of inputs, (groups, inputs, inputs), with a larger diagonal.

    The diagonal keeps weights that no sample depends on.
    """
    gram = (np.swapaxes(x, 1, 2) @ x / x.shape[1]).astype(np.float64)
    diagonal = np.einsum("gii->gi", gram)
    # A channel that is 0 in all images has no data.
    diagonal += np.maximum(DAMPING * diagonal.mean(axis=1, keepdims=True), TINY)
    return np.asarray(gram)


def _regressed(weights: Array, centered: _Centered, gram: Array) -> Array:
    """Solve for the change of the weights that explains their remaining error."""
    x = centered.x
    left_over = centered.y - x @ np.asarray(np.swapaxes(weights, 1, 2), np.float32)
    change = np.linalg.solve(gram, np.swapaxes(x, 1, 2) @ left_over / x.shape[1])
    return np.asarray(weights + np.swapaxes(change, 1, 2))


def _rounded(
    weights: Array, top: Array, shares: Sequence[float], factor: Array, at_end: Array
) -> Array:
    """Round weights to the grids of all shares, (shares, groups, filters, inputs)."""
    groups, filters, inputs = weights.shape
    rounded = np.empty((len(shares), *weights.shape), np.float32)
    ends = np.broadcast_to(top, (groups, filters, 1))
    step = max(1, ROUNDED // (len(shares) * groups * inputs))
    for begin in range(0, filters, step):
        block = slice(begin, begin + step)
        many = np.tile(weights[:, block], (1, len(shares), 1))
        end = np.concatenate([share * ends[:, block] for share in shares], axis=1)
        found = gptq_round(many, end, factor, np.tile(at_end[:, block], (1, len(shares), 1)))
        rounded[:, :, block] = np.swapaxes(found.reshape(groups, len(shares), -1, inputs), 0, 1)
    return rounded


@dataclass(frozen=True)
class _Candidate:
    """Return rounded weights (groups, filters, inputs), biases and errors (groups, filters)."""

    weights: Array
    bias: Array
    errors: Array

    @classmethod
    def of(cls, weights: Array, centered: _Centered, task: _Task) -> _Candidate:
        bias = centered.y_mean - (weights @ centered.x_mean[:, :, None])[..., 0]
        return cls(weights, bias, task.errors(weights, bias) * task.importance)

    def better(self, other: _Candidate, *, per_channel: bool) -> _Candidate:
        """Choose, for each step, the weights with less error."""
        chosen = other.errors < self.errors
        if not per_channel:
            chosen = np.full_like(chosen, other.errors.sum() < self.errors.sum())
        return _Candidate(
            np.where(chosen[:, :, None], other.weights, self.weights),
            np.where(chosen, other.bias, self.bias),
            np.where(chosen, other.errors, self.errors),
        )


def _largest(weights: Array, *, per_channel: bool) -> Array:
    magnitude = np.abs(weights).max(axis=2 if per_channel else None, keepdims=True)
    return np.asarray(np.maximum(magnitude, TINY))
