"""What the steps of a recipe work on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.kernels import has_kernel, kernel_of
from tfl_depth.converters.ptq.progress import Progress


@dataclass
class QuantizationContext:
    """A float network on its way to int8; steps change its graph in place.

    Attributes:
        graph: with one input; activations are operators of their own.
        images: calibration images as the network takes them, (1, H, W, 3) float32 each.
        per_channel: whether each output channel's weights have a step of their own.
        progress: shows how far slow steps have come.
        exact: kernels that no step may change, and their steps.
        chosen: output names of the only operators to work on; None: all.
    """

    graph: Graph
    images: Sequence[npt.NDArray[np.float32]]
    per_channel: bool
    progress: Progress
    exact: Mapping[Tensor, float] = field(default_factory=dict)
    chosen: frozenset[str] | None = None

    def may_change(self, *operators: Operator) -> bool:
        """Whether steps may change all of these operators' kernels."""
        return all(
            kernel_of(operator) not in self.exact
            and (self.chosen is None or operator.output.name in self.chosen)
            for operator in operators
        )

    def operators(self) -> list[Operator]:
        """The operators whose kernels may be changed, in order."""
        return [op for op in self.graph.operators if has_kernel(op) and self.may_change(op)]
