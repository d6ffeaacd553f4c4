"""Rounding that is learned from the calibration images, without labels and without gradients.

Each convolution in turn, from the input on, is given the weights and biases that bring what it
says nearest to what the float network says there, from the features that it will really get: a
linear regression. They are then put on the int8 grid by GPTQ, on the grid of those tried that
leaves the least error behind the activation. To the same end as AdaRound (M. Nagel et al., "Up or
Down? Adaptive Rounding for Post-Training Quantization", ICML 2020), solved instead of trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.canonical import is_depthwise
from tfl_depth.converters.keras_graph import convolutions
from tfl_depth.converters.walk import walk
from tfl_depth.converters.weights.gptq import rounded_in_turn
from tfl_depth.converters.weights.groups import Groups
from tfl_depth.converters.weights.pairs import bounds, importance, pairs
from tfl_depth.converters.weights.patches import places
from tfl_depth.converters.workpiece import Workpiece

# Of the features' mean square: how firmly a weight that no image tells about stays as it was.
DAMPING = 0.01
# Ends of the grid to try, of the largest weight. A depthwise filter's are cheap to try, and its
# channels the most uneven.
ENDS = (1.0, 0.85, 0.7, 0.5)
DEPTHWISE_ENDS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05)
# How much a sample counts that the activation cuts well off: it may be cut off elsewhere as well.
CUT, SLACK = 0.05, 0.5
TINY = 1e-9

Array = npt.NDArray[np.float64]


def round_to_features(work: Workpiece) -> None:
    """Put every convolution on its int8 grid so that what it says changes least."""
    found = {layer.name: layer for layer in convolutions(work.network) if work.chosen(layer)}
    at = {name: places(layer, len(work.images)) for name, layer in found.items()}
    weights_of = {pair.first.name: importance(pair) for pair in pairs(work.network)}
    wanted: dict[str, npt.NDArray[Any]] = {}
    bar = iter(work.progress(found, len(found), "round"))

    def remember(layer: Any, maps: Any) -> None:
        if layer.name in found:
            wanted[layer.name] = work.wanted(layer, at[layer.name].pick(maps))

    def put_on_grid(layer: Any, maps: Any) -> None:
        if layer.name in found:
            next(bar)
            groups, said = Groups(layer), wanted.pop(layer.name)
            task = _Task(
                x=groups.inputs(at[layer.name].patches(maps, layer)),
                y=groups.outputs(said),
                clip=bounds(work.network, layer),
                importance=groups.outputs(weights_of.get(layer.name, np.ones(said.shape[-1]))),
            )
            layer.set_weights(_solved(layer, groups, task, per_channel=work.per_channel))

    walk(work.reference, work.images, after=remember)
    walk(work.network, work.images, before=put_on_grid)


@dataclass(frozen=True)
class _Task:
    """One convolution: what it sees, what it should say, and what of that counts.

    Attributes:
        x, y: (groups, samples, inputs) and (groups, samples, filters).
        clip: what the activation behind it clips to.
        importance: of an error in each filter, (groups, filters).
    """

    x: Array
    y: Array
    clip: tuple[float, float]
    importance: Array

    def heed(self) -> Array:
        """How much each sample counts, (groups, samples, 1), 1 in the mean."""
        low, high = self.clip
        inside = (self.y > low - SLACK) & (self.y < high + SLACK)
        counts = np.where(inside.any(axis=2, keepdims=True), 1.0, CUT)
        return np.asarray(counts / counts.mean(axis=1, keepdims=True))

    def errors(self, weights: Array, bias: Array) -> Array:
        """Mean squared error of each filter behind the activation, (groups, filters)."""
        said = np.clip(self.x @ np.swapaxes(weights, 1, 2) + bias, *self.clip)
        return np.asarray(np.square(said - np.clip(self.y, *self.clip)).mean(axis=1))


def _solved(layer: Any, groups: Groups, task: _Task, *, per_channel: bool) -> list[Any]:
    """The convolution's new kernel and bias."""
    heed = task.heed()
    x_mean = (heed * task.x).mean(axis=1, keepdims=True)
    y_mean = (heed * task.y).mean(axis=1, keepdims=True)
    x = task.x - x_mean
    heeded = np.swapaxes(heed * x, 1, 2) / x.shape[1]
    gram = heeded @ x
    gram += _damping(gram)
    weights = groups.weights(layer.get_weights()[0])
    # Regression towards the weights as they are: the change that explains what they leave over.
    left_over = task.y - y_mean - x @ np.swapaxes(weights, 1, 2)
    weights = weights + np.swapaxes(np.linalg.solve(gram, heeded @ left_over), 1, 2)

    top = _largest(weights, per_channel=per_channel)

    def tried(share: float) -> _Tried:
        rounded = rounded_in_turn(weights, share * top, gram)
        bias = y_mean - x_mean @ np.swapaxes(rounded, 1, 2)
        return _Tried(rounded, bias, task.errors(rounded, bias) * task.importance)

    shares = DEPTHWISE_ENDS if is_depthwise(layer) else ENDS
    best = reduce(partial(_better, per_channel=per_channel), map(tried, shares))
    return [groups.kernel(best.weights), groups.biases(best.bias)]


@dataclass(frozen=True)
class _Tried:
    """Rounded weights (groups, filters, inputs), biases (groups, 1, filters), and their errors."""

    weights: Array
    bias: Array
    errors: Array


def _better(one: _Tried, other: _Tried, *, per_channel: bool) -> _Tried:
    """For each scale, the weights that leave less error."""
    better = other.errors < one.errors
    if not per_channel:
        better = np.full_like(better, other.errors.sum() < one.errors.sum())
    return _Tried(
        np.where(better[:, :, None], other.weights, one.weights),
        np.where(better[:, None, :], other.bias, one.bias),
        np.where(better, other.errors, one.errors),
    )


def _damping(gram: Array) -> Array:
    mean = np.trace(gram, axis1=1, axis2=2) / gram.shape[1]
    # A channel that is silent on all images has no features at all.
    return np.asarray(np.eye(gram.shape[1]) * np.maximum(DAMPING * mean, TINY)[:, None, None])


def _largest(weights: Array, *, per_channel: bool) -> Array:
    magnitude = np.abs(weights).max(axis=2 if per_channel else None, keepdims=True)
    return np.asarray(np.maximum(magnitude, TINY))
