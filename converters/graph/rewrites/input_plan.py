"""Replaces normalized pixels in a graph by a new input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tfl_depth.converters.graph import Graph, Operator, Tensor, constant, options
from tfl_depth.converters.graph.rewrites.input_affine import Affine, Use
from tfl_depth.converters.graph.rewrites.input_codes import Codes
from tfl_depth.converters.graph.rewrites.input_folding import can_fold, fold, is_exact

Way = Literal["input scale", "folded", "convolution"]
_VALID = 1


@dataclass(frozen=True)
class Plan:
    """The part of a graph between the pixels and the rest.

    Attributes:
        image: the graph's input.
        known: affine functions of the pixels, by tensor.
        uses: of normalized pixels.
        codes: from pixels to the new input.
    """

    image: Tensor
    known: Mapping[Tensor, Affine]
    uses: tuple[Use, ...]
    codes: Codes

    def can_fold(self, graph: Graph) -> bool:
        """Whether only convolutions use normalized pixels."""
        return all(can_fold(graph, use) and not graph.is_output(use.tensor) for use in self.uses)

    def is_exact(self, graph: Graph) -> bool:
        """Whether folding changes nothing, even at the border of the image."""
        return all(
            self.codes.keeps_zero(self.known[use.tensor]) or is_exact(graph, use)
            for use in self.uses
        )

    def on_copy(self, original: Graph, copied: Graph, mine: Mapping[Tensor, Tensor]) -> Plan:
        """Return the plan for a copy of the graph. `mine` maps tensors to their copies."""
        twin = dict(zip(original.operators, copied.operators, strict=True))
        return Plan(
            mine[self.image],
            {mine[tensor]: affine for tensor, affine in self.known.items()},
            tuple(Use(twin[use.operator], mine[use.tensor]) for use in self.uses),
            self.codes,
        )


def take(graph: Graph, plan: Plan, way: Way) -> Tensor:
    """Replace the input of a graph.

    Args:
        graph: of the plan; is changed.
        plan: what is replaced.
        way: "input scale": the new input replaces the normalized pixels. "folded": the
            normalization is folded into convolutions. "convolution": a 1x1 convolution normalizes.

    Returns:
        The new input.
    """
    ((name, image),) = graph.inputs.items()
    pixels = Tensor(image.name, image.shape, image.dtype)
    for tensor in dict.fromkeys(use.tensor for use in plan.uses):
        affine = plan.known[tensor]
        if way == "input scale" or plan.codes.equals(affine):
            graph.redirect(tensor, pixels)
        elif way == "folded":
            for use in plan.uses:
                if use.tensor is tensor:
                    fold(graph, use, affine, plan.codes, pixels)
        else:
            made = _convolution(graph, pixels, affine, plan.codes)
            graph.operators.insert(0, made)
            graph.redirect(tensor, made.output)
    graph.inputs = {name: pixels}
    graph.remove_dead()
    return pixels


def _convolution(graph: Graph, pixels: Tensor, affine: Affine, codes: Codes) -> Operator:
    """Make a 1x1 convolution from the new input to normalized pixels."""
    factor, shift = codes.rest(affine)
    shape = (*pixels.shape[:3], factor.size)
    result = Tensor(graph.unique_name("normalized"), shape, pixels.dtype)
    bias = constant("normalization_bias", shift)
    ways = {"padding": _VALID, "strideH": 1, "strideW": 1}
    if affine.keeps_colors:
        kernel = constant("normalization_kernel", factor.reshape(1, 1, 1, 3))
        made = options("DepthwiseConv2DOptions", depthMultiplier=1, **ways)
        return Operator("DEPTHWISE_CONV_2D", [pixels, kernel, bias], [result], made)
    weights = np.zeros((factor.size, 1, 1, 3))
    weights[np.arange(factor.size), 0, 0, affine.source] = factor
    kernel = constant("normalization_kernel", weights)
    return Operator("CONV_2D", [pixels, kernel, bias], [result], options("Conv2DOptions", **ways))
