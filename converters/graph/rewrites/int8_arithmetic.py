"""Rewrites arithmetic without int8 kernels to arithmetic with int8 kernels.

Checked on the kernels of ai-edge-litert 2.3 and tflite-runtime 2.14 (XNNPACK, built-in, reference),
and with Vela 5.2 for Ethos-U55, U65 and U85:

- SQUARE, POW: no int8 kernel anywhere. MUL has one everywhere.
- NEG: none in tflite-runtime 2.14. MUL by -1.
- DIV: none in 2.14 and on U55 and U65; other kernels stop if a divisor's code is that of zero.
  By a constant it is MUL; by a positive tensor, MUL by RSQRT twice.
- SQRT: none in 2.14 and on an Ethos-U. x RSQRT(x), if x cannot be zero.
- L2_NORMALIZATION: none on an Ethos-U. It becomes a root and a product like other normalizations.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.rewrites.links import Links
from tfl_depth.converters.graph.rewrites.maker import Maker
from tfl_depth.converters.graph.rewrites.signs import is_positive

_LEAST = 1e-12


def write_arithmetic(graph: Graph) -> int:
    """Replace operators without int8 kernels by others, if that is exact."""
    count = 0
    links = Links(graph)
    for operator in list(graph.operators):
        write = _WRITERS.get(operator.kind)
        if write is None or operator.output.dtype != np.float32:
            continue
        maker = Maker(operator.output)
        if write(maker, links, operator):
            maker.replace(graph, operator)
            graph.remove_dead()
            links.refresh()
            count += 1
    return count


def _square(maker: Maker, _links: Links, operator: Operator) -> bool:
    maker.binary("MUL", operator.input(0), operator.input(0))
    return True


def _negative(maker: Maker, _links: Links, operator: Operator) -> bool:
    maker.binary("MUL", operator.input(0), -1.0)
    return True


def _power(maker: Maker, links: Links, operator: Operator) -> bool:
    x, exponent = operator.input(0), operator.input(1)
    if not exponent.is_constant or exponent.constant.size != 1:
        return False
    write = _POWERS.get(float(exponent.constant.item()))
    return write is not None and write(maker, links, x)


def _reciprocal(maker: Maker, links: Links, x: Tensor) -> bool:
    return is_positive(links, x) and _divide(maker, None, x)


def _cube(maker: Maker, _links: Links, x: Tensor) -> bool:
    maker.binary("MUL", maker.binary("MUL", x, x), x)
    return True


def _by_unary(kind: str) -> Callable[[Maker, Links, Tensor], bool]:
    def write(maker: Maker, _links: Links, x: Tensor) -> bool:
        maker.unary(kind, x)
        return True

    return write


_POWERS: dict[float, Callable[[Maker, Links, Tensor], bool]] = {
    -1.0: _reciprocal,
    -0.5: _by_unary("RSQRT"),
    0.5: _by_unary("SQRT"),
    2.0: _by_unary("SQUARE"),
    3.0: _cube,
}


def _root(maker: Maker, links: Links, operator: Operator) -> bool:
    """Rewrite SQRT(x) to x / sqrt(x). Roots in a denominator are rewritten with the fraction."""
    x = operator.input(0)
    if not is_positive(links, x) or any(_divides(op, operator) for op in _takers(links, operator)):
        return False
    maker.binary("MUL", x, maker.unary("RSQRT", x))
    return True


def _takers(links: Links, operator: Operator) -> list[Operator]:
    return links.consumers(operator.output)


def _divides(operator: Operator, root: Operator) -> bool:
    return operator.kind == "DIV" and operator.input(1) is root.output


def _fraction(maker: Maker, links: Links, operator: Operator) -> bool:
    numerator, divisor = operator.input(0), operator.input(1)
    if divisor.is_constant:
        return _times(maker, numerator, divisor)
    if operator.output.shape != np.broadcast_shapes(numerator.shape, divisor.shape):
        return False
    top = None if _is_one(numerator) else numerator
    under = links.producer(divisor)
    if under is not None and under.kind == "SQRT":
        inverse = maker.unary("RSQRT", under.input(0))
        if top is not None:
            maker.binary("MUL", top, inverse)
        return True
    return is_positive(links, divisor) and _divide(maker, top, divisor)


def _times(maker: Maker, numerator: Tensor, divisor: Tensor) -> bool:
    if not divisor.constant.all():
        return False
    maker.binary("MUL", numerator, maker.constant(1 / divisor.constant.astype(np.float64)))
    return True


def _is_one(tensor: Tensor) -> bool:
    return tensor.is_constant and tensor.constant.size == 1 and tensor.constant.item() == 1


def _divide(maker: Maker, numerator: Tensor | None, divisor: Tensor) -> bool:
    """Rewrite 1 / d to (1 / sqrt(d))^2 for a positive d."""
    root = maker.unary("RSQRT", divisor)
    inverse = maker.binary("MUL", root, root)
    if numerator is not None:
        maker.binary("MUL", numerator, inverse)
    return True


def _unit_length(maker: Maker, _links: Links, operator: Operator) -> bool:
    """Compute x / |x| over the last dimension."""
    x = operator.input(0)
    ones = np.ones((1, x.shape[-1]))
    squares = maker.fully_connected(maker.binary("MUL", x, x), ones, [_LEAST])
    maker.binary("MUL", x, maker.unary("RSQRT", squares))
    return True


_WRITERS: dict[str, Callable[[Maker, Links, Operator], bool]] = {
    "DIV": _fraction,
    "L2_NORMALIZATION": _unit_length,
    "NEG": _negative,
    "POW": _power,
    "SQRT": _root,
    "SQUARE": _square,
}
