"""Edits that give a graph a new input in the place of normalized pixels."""

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
    """What stands in a graph between the pixels and the rest of it.

    Attributes:
        image: the graph's input.
        known: what tensors are of the pixels.
        uses: who takes normalized pixels.
        codes: what the new input is of the pixels.
    """

    image: Tensor
    known: Mapping[Tensor, Affine]
    uses: tuple[Use, ...]
    codes: Codes

    def can_fold(self, graph: Graph) -> bool:
        """Whether convolutions alone take normalized pixels."""
        return all(can_fold(graph, use) and not graph.is_output(use.tensor) for use in self.uses)

    def is_exact(self, graph: Graph) -> bool:
        """Whether folding changes nothing, not even at the border of the picture."""
        return all(
            self.codes.pad_alike(self.known[use.tensor]) or is_exact(graph, use)
            for use in self.uses
        )

    def on_copy(self, original: Graph, copied: Graph, mine: Mapping[Tensor, Tensor]) -> Plan:
        """The same of a graph's copy, whose tensors `mine` names."""
        twin = dict(zip(original.operators, copied.operators, strict=True))
        return Plan(
            mine[self.image],
            {mine[tensor]: affine for tensor, affine in self.known.items()},
            tuple(Use(twin[use.operator], mine[use.tensor]) for use in self.uses),
            self.codes,
        )


def take(graph: Graph, plan: Plan, way: Way) -> Tensor:
    """Give a graph its new input.

    Args:
        graph: of the plan; is changed.
        plan: what is to be replaced.
        way: "input scale": the new input stands for the normalized pixels. "folded": it goes into
            the convolutions that take them. "convolution": a 1x1 convolution computes them.

    Returns:
        The new input.
    """
    ((name, image),) = graph.inputs.items()
    pixels = Tensor(image.name, image.shape, image.dtype)
    for tensor in dict.fromkeys(use.tensor for use in plan.uses):
        affine = plan.known[tensor]
        if way == "input scale" or plan.codes.are(affine):
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
    """A 1x1 convolution from the new input to normalized pixels, for each channel its own."""
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
