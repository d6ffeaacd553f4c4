"""The data for the steps of a recipe."""

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
    """A float network during a recipe. The steps change its graph in place.

    Attributes:
        graph: with one input. Activations are separate operators.
        images: calibration images as inputs of the network, (1, H, W, 3) float32 each.
        per_channel: whether the weights of each output channel have their own step.
        progress: shows the progress of slow steps.
        exact: kernels that no step may change, with their quantization steps.
        chosen: output names of the operators to change; None: all.
    """

    graph: Graph
    images: Sequence[npt.NDArray[np.float32]]
    per_channel: bool
    progress: Progress
    exact: Mapping[Tensor, float] = field(default_factory=dict)
    chosen: frozenset[str] | None = None

    def may_change(self, *operators: Operator) -> bool:
        """Whether the kernels of all these operators may be changed."""
        return all(
            kernel_of(operator) not in self.exact
            and (self.chosen is None or operator.output.name in self.chosen)
            for operator in operators
        )

    def operators(self) -> list[Operator]:
        """Return the operators whose kernels may be changed, in order."""
        return [op for op in self.graph.operators if has_kernel(op) and self.may_change(op)]
