"""Rewrites sums over channels with constant weights, such as fixed bins, to convolutions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.movement import computed_inputs
from tfl_depth.converters.head.building import pointwise_convolution, reshape


def sum_to_convolution(graph: Graph, operator: Operator) -> bool:
    """Rewrite a sum or mean over the channels of a map to a 1x1 convolution.

    A multiplication by constants before it becomes the weights. A sum of products of two computed
    values, as in bins whose centers depend on the image, is not changed.

    Args:
        graph: is changed.
        operator: of the graph.

    Returns:
        Whether it was such a sum.
    """
    if operator.kind not in ("SUM", "MEAN") or not operator.input(1).is_constant:
        return False
    terms = operator.input(0)
    axes = {int(axis) % len(terms.shape) for axis in operator.input(1).constant.ravel()}
    if len(terms.shape) != 4 or axes != {3}:
        return False
    weighted = _weighted(graph, terms)
    if weighted is None:
        return False
    features, weights = weighted
    if operator.kind == "MEAN":
        weights = weights / len(weights)
    made = [pointwise_convolution(graph, features, weights[None], [0.0], f"{terms.name}_sum")]
    if operator.output.shape != made[0].output.shape:
        made.append(reshape(graph, made[0].output, operator.output.shape))
    made[-1].outputs[0] = operator.output
    graph.replace(operator, made)
    return True


def _weighted(graph: Graph, terms: Tensor) -> tuple[Tensor, npt.NDArray[np.float64]] | None:
    """Return the features and weights of a product; None if both are computed."""
    channels = terms.shape[3]
    producer = graph.producer(terms)
    if producer is None or producer.kind != "MUL" or producer.options.fusedActivationFunction:
        return terms, np.ones(channels)
    features = computed_inputs(producer)
    factors = [t for t in producer.inputs if t is not None and t.is_constant]
    if not factors or features[0].shape != terms.shape:
        return None
    weights = factors[0].constant.astype(np.float64)
    if weights.size not in (1, channels) or (weights.size > 1 and weights.shape[-1] != channels):
        return None
    return features[0], np.broadcast_to(weights.ravel(), channels)
