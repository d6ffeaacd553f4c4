"""The search from a network's output back to the last linear operator."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.kernels import kernel_of
from tfl_depth.converters.graph.movement import computed_inputs, moved_from, size
from tfl_depth.converters.head.linear import is_linear
from tfl_depth.converters.head.sums import SUMS
from tfl_depth.converters.head.tail_operators import POINTWISE, RESIZES, keeps_order


@dataclass
class Path:
    """The operators between a linear value and a network's output.

    Attributes:
        start: the linear value.
        operators: after it, in execution order.
        resizes: the operators that resize the map.
        moves: the operators that move pixels, with the indices of the pixels; before all resizes.
        end: the network's output.
    """

    start: Tensor
    end: Tensor
    operators: list[Operator] = field(default_factory=list)
    resizes: list[Operator] = field(default_factory=list)
    moves: list[tuple[Operator, npt.NDArray[np.int64]]] = field(default_factory=list)

    def since(self, start: Tensor) -> Path:
        """Return a copy that begins at another value."""
        return Path(start, self.end, list(self.operators), list(self.resizes), list(self.moves))


class BlockedError(Exception):
    """An operator prevents the split. The text names it and gives the reason.

    Attributes:
        operator: the operator; None if it is the network's input.
    """

    def __init__(self, operator: Operator | None, reason: str) -> None:
        super().__init__(reason)
        self.operator = operator


def walk_back(graph: Graph, output: Tensor) -> Path:
    """Find the last linear value of which the output is a function, pixel by pixel.

    It is the result of a convolution or a dense layer, or of a sum of several values.

    Raises:
        BlockedError: there is none.
    """
    place = {operator: index for index, operator in enumerate(graph.operators)}
    producers = graph.producers()
    path, pending, last_sum = Path(output, output), {output}, None
    try:
        while True:
            for tensor in pending.difference(producers):
                raise BlockedError(None, f"it depends on the input {tensor.name} directly")
            tensor = max(pending, key=lambda tensor: place[producers[tensor]])
            operator, alone = producers[tensor], len(pending) == 1
            if alone and is_linear(operator) and not is_scalar(operator):
                return path.since(tensor)
            if alone and operator.kind in SUMS and len(computed_inputs(operator)) > 1:
                last_sum = path.since(tensor)
            _step(path, operator, tensor, alone)
            pending = (pending - {tensor}) | set(computed_inputs(operator))
    except BlockedError:
        if last_sum is None:
            raise
        return last_sum


def is_scalar(operator: Operator) -> bool:
    """Whether a convolution multiplies a map by a number."""
    if operator.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        return False
    strides = (operator.options.strideH, operator.options.strideW)
    return kernel_of(operator).shape == (1, 1, 1, 1) and strides == (1, 1)


def _step(path: Path, operator: Operator, output: Tensor, alone: bool) -> None:
    """Add one operator at the start of the path.

    Raises:
        BlockedError: the output is not a function of one value at each pixel.
    """
    name = f"{operator.kind} {output.name}"
    if operator.kind in POINTWISE or is_scalar(operator):
        _expect_pointwise(operator, output, name)
    elif operator.kind in RESIZES and alone:
        if path.moves:
            moved = path.moves[0][0]
            reason = f"{moved.kind} {moved.output.name} moves pixels after {name}"
            raise BlockedError(operator, reason)
        path.resizes.insert(0, operator)
    else:
        places = moved_from(operator, output)
        kept = places is not None and keeps_order(places, size(computed_inputs(operator)[0]))
        if not alone and not kept:
            raise BlockedError(operator, f"it combines {name} with other computed values")
        if places is None:
            raise BlockedError(operator, f"{name} {_why(operator)}")
        if not kept:
            path.moves.insert(0, (operator, places))
    path.operators.insert(0, operator)


def _expect_pointwise(operator: Operator, output: Tensor, name: str) -> None:
    if any(size(tensor) != size(output) for tensor in computed_inputs(operator)):
        raise BlockedError(operator, f"{name} spreads one value over several pixels")
    constants = (t.constant for t in operator.inputs if t is not None and t.is_constant)
    if any(np.any(values != values.flat[0]) for values in constants):
        raise BlockedError(operator, f"{name} has a constant that differs from pixel to pixel")


def _why(operator: Operator) -> str:
    if operator.kind in ("SUM", "MEAN", "BATCH_MATMUL"):
        return "adds up products of computed values, as bins do whose centers depend on the image"
    return "is neither linear nor a function of each pixel alone"
