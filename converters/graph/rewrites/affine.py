"""Folds factors and offsets of channels, as from batch normalization, into kernels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfl_depth.converters.graph.channels import (
    Vector,
    channel_vector,
    scale_inputs,
    scale_outputs,
    shift_inputs,
    shift_outputs,
)
from tfl_depth.converters.graph.fusion import fused_activation
from tfl_depth.converters.graph.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.kernels import features_of, has_kernel, kernel_of
from tfl_depth.converters.graph.operator_kinds import MOVING
from tfl_depth.converters.graph.rewrites.exact_weights import is_centering
from tfl_depth.converters.graph.rewrites.links import Links
from tfl_depth.converters.graph.rewrites.maker import Maker, bypass

# (factors, offsets): the operator computes x * factors + offsets.
Affine = tuple[Vector, Vector]


def affine_of(operator: Operator) -> tuple[Tensor, Affine] | None:
    """Return the input, the factors and the offsets of an operator with channel constants."""
    if operator.kind not in (*_AFFINE, "NEG") or fused_activation(operator):
        return None
    if operator.kind == "NEG" and operator.output.shape:
        return operator.input(0), _AFFINE["MUL"](-np.ones(operator.output.shape[-1]), False)
    if len(operator.inputs) != 2:
        return None
    for place in (1, 0):
        source, value = operator.input(1 - place), operator.input(place)
        vector = channel_vector(value, operator.output)
        if vector is None or source.is_constant or source.shape != operator.output.shape:
            continue
        if operator.kind == "DIV" and (place == 0 or not vector.all()):
            return None
        return source, _AFFINE[operator.kind](vector, place == 0)
    return None


def _subtracted(vector: Vector, is_first: bool) -> Affine:
    ones = np.ones_like(vector)
    return (-ones, vector) if is_first else (ones, -vector)


_AFFINE: dict[str, Callable[[Vector, bool], Affine]] = {
    "ADD": lambda vector, _: (np.ones_like(vector), vector),
    "DIV": lambda vector, _: (1 / vector, np.zeros_like(vector)),
    "MUL": lambda vector, _: (vector, np.zeros_like(vector)),
    "SUB": _subtracted,
}


def fold_affine_behind(graph: Graph) -> int:
    """Fold factors and offsets into the convolution or dense layer before them."""
    count = 0
    links = Links(graph)
    for operator in list(graph.operators):
        found = affine_of(operator)
        source = None if found is None else links.only_source(found[0])
        if found is None or source is None or not _is_plain(source):
            continue
        factors, offsets = found[1]
        scale_outputs(source, factors)
        if offsets.any():
            shift_outputs(source, offsets)
        if bypass(graph, operator, found[0]):
            links.refresh()
            count += 1
    return count


def fold_affine_in_front(graph: Graph) -> int:
    """Fold factors and offsets into the convolutions and dense layers after them.

    Offsets are folded only without padding, since the padding's zeros would change. Operators on
    the network's input are not changed: they define the network's normalization of pixels.
    """
    count = 0
    links = Links(graph)
    for operator in list(graph.operators):
        found = affine_of(operator)
        if found is None or links.is_output(operator.output) or _is_at_input(links, operator):
            continue
        if not _fold_into_consumers(links, operator.output, found[1]):
            continue
        bypass(graph, operator, found[0])
        links.refresh()
        count += 1
    return count


def _fold_into_consumers(links: Links, result: Tensor, affine: Affine) -> bool:
    factors, offsets = affine
    consumers = links.consumers(result)
    if not consumers or not all(_takes_features(op, result) for op in consumers):
        return False
    if offsets.any() and not all(map(_pads_nothing, consumers)):
        return False
    for consumer in consumers:
        if offsets.any():
            shift_inputs(consumer, offsets)
        scale_inputs(consumer, factors)
    return True


def _takes_features(operator: Operator, tensor: Tensor) -> bool:
    if not has_kernel(operator) or features_of(operator) is not tensor:
        return False
    return not is_centering(operator)


def _pads_nothing(operator: Operator) -> bool:
    if operator.kind == "FULLY_CONNECTED":
        return True
    if operator.kind == "TRANSPOSE_CONV":
        return False
    is_valid = bool(operator.options.padding == schema.Padding.VALID)
    return is_valid or kernel_of(operator).shape[1:3] == (1, 1)


def _is_plain(operator: Operator) -> bool:
    is_kernel = has_kernel(operator) and not is_centering(operator)
    return is_kernel and fused_activation(operator) is None


def _is_at_input(links: Links, operator: Operator) -> bool:
    """Whether only constants and moves are between the network's input and an operator."""
    before: Operator | None = operator
    while before is not None:
        if affine_of(before) is None and before.kind not in MOVING:
            return False
        data = next((t for t in before.inputs if t is not None and not t.is_constant), None)
        before = links.producer(data)
    return True


def join_affine(graph: Graph) -> int:
    """Merge successive factors and offsets into one factor and one offset."""
    count = 0
    links = Links(graph)
    for operator in list(graph.operators):
        outer = affine_of(operator)
        before = None if outer is None else links.only_source(outer[0])
        inner = None if before is None else affine_of(before)
        if outer is None or before is None or inner is None or _is_at_input(links, operator):
            continue
        if not _is_shorter(links, operator, before):
            continue
        factors = outer[1][0] * inner[1][0]
        offsets = outer[1][0] * inner[1][1] + outer[1][1]
        _write_affine(graph, operator, inner[0], (factors, offsets))
        graph.operators.remove(before)
        links.refresh()
        count += 1
    return count


def _is_shorter(links: Links, operator: Operator, before: Operator) -> bool:
    """Whether a pair has the final form: a factor, then an offset."""
    is_last_form = (before.kind, operator.kind) == ("MUL", "ADD")
    return not is_last_form


def _write_affine(graph: Graph, operator: Operator, source: Tensor, affine: Affine) -> None:
    factors, offsets = (_short(vector) for vector in affine)
    maker = Maker(operator.output)
    made = source
    if np.any(factors != 1) or not offsets.any():
        made = maker.binary("MUL", made, maker.constant(factors))
    if offsets.any():
        maker.binary("ADD", made, maker.constant(offsets))
    maker.replace(graph, operator)


def _short(vector: Vector) -> Vector:
    """Return one number if all channels are equal."""
    return vector[:1].reshape(()) if np.all(vector == vector[0]) else vector
