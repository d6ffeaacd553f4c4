"""The combined effect of successive reshapes and transpositions.

A tensor's dimensions are products of factors. Reshapes regroup factors or split one, and
transpositions permute groups. The final order of the factors describes the whole sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Shape = tuple[int, ...]


@dataclass(eq=False)
class _Factor:
    size: int


Groups = list[list[_Factor]]


class FactorOrder:
    """The factors of a shape, while reshapes and transpositions are applied to them."""

    def __init__(self, shape: Shape) -> None:
        self._dims: Groups = [[] if size == 1 else [_Factor(size)] for size in shape]
        self._source = [list(group) for group in self._dims]

    def transpose(self, order: Sequence[int]) -> None:
        """Permute the dimensions."""
        self._dims = [self._dims[axis] for axis in order]

    def reshape(self, shape: Shape) -> bool:
        """Regroup the factors. Return False if a factor cannot be split into whole parts."""
        left = [factor for group in self._dims for factor in group]
        dims: Groups = []
        for size in shape:
            group = self._take(left, size)
            if group is None:
                return False
            dims.append(group)
        self._dims = dims
        return not left

    def _take(self, left: list[_Factor], size: int) -> list[_Factor] | None:
        """Take factors from the front of `left` whose product is `size`."""
        group = []
        while size > 1:
            if not left:
                return None
            factor = left.pop(0)
            if size % factor.size:
                if factor.size % size:
                    return None
                left.insert(0, self._split(factor, size))
            group.append(factor)
            size //= factor.size
        return group

    def _split(self, factor: _Factor, size: int) -> _Factor:
        """Split a factor into `size` and the rest. Return the rest."""
        rest = _Factor(factor.size // size)
        factor.size = size
        for group in self._source:
            if factor in group:
                group.insert(group.index(factor) + 1, rest)
        return rest

    def sort_channels_of_source(self) -> Shape | None:
        """Order the factors of the source's last dimension as in the result.

        Returns:
            The factors' old sizes and their new order; None if the order does not change.
        """
        final = [factor for group in self._dims for factor in group]
        return _sort(self._source[-1], final)

    def sort_channels_of_result(self) -> Shape | None:
        """Order the factors of the result's last dimension as in the source."""
        flat = [factor for group in self._source for factor in group]
        return _sort(self._dims[-1], flat)

    @property
    def source(self) -> Groups:
        """The factors of each dimension of the first shape."""
        return self._source

    @property
    def result(self) -> Groups:
        """The factors of each dimension of the present shape."""
        return self._dims


@dataclass(frozen=True)
class Arrangement:
    """A reshape, a transposition and a reshape. Each may do nothing.

    Attributes:
        inner: the shape before the transposition.
        order: of the dimensions after the transposition.
    """

    inner: Shape
    order: Shape

    @property
    def moves(self) -> bool:
        """Whether elements change their order."""
        return list(self.order) != sorted(self.order)

    @property
    def outer(self) -> Shape:
        """The shape after the transposition."""
        return tuple(self.inner[axis] for axis in self.order)


def arrangements(found: FactorOrder) -> list[Arrangement]:
    """Yield equivalent arrangements: by the source's dimensions, the result's, or the fewest."""
    flat = [factor for group in found.source for factor in group]
    final = [factor for group in found.result for factor in group]
    ways = [
        _by_groups(found.source, final),
        _by_groups_of_result(flat, found.result),
        _by_groups(_merged(flat, final), final),
    ]
    return [way for way in ways if way is not None]


def _sort(group: list[_Factor], like: list[_Factor]) -> Shape | None:
    order = sorted(range(len(group)), key=lambda place: like.index(group[place]))
    if order == list(range(len(group))):
        return None
    sizes = [factor.size for factor in group]
    group[:] = [group[place] for place in order]
    return (*sizes, *order)


def _size(group: Sequence[_Factor]) -> int:
    product = 1
    for factor in group:
        product *= factor.size
    return product


def _by_groups(groups: Groups, final: list[_Factor]) -> Arrangement | None:
    """Transpose whole groups of the source; None if the result splits one."""
    order = _order_of(groups, final)
    return None if order is None else Arrangement(tuple(map(_size, groups)), order)


def _by_groups_of_result(flat: list[_Factor], groups: Groups) -> Arrangement | None:
    back = _order_of(groups, flat)
    if back is None:
        return None
    inner = tuple(_size(groups[axis]) for axis in back)
    return Arrangement(inner, tuple(back.index(axis) for axis in range(len(groups))))


def _order_of(groups: Groups, final: list[_Factor]) -> Shape | None:
    """Return the order of whole groups in `final`. Empty groups keep their place."""
    order: list[int] = []
    left = list(final)
    while left:
        axis = next((i for i, group in enumerate(groups) if group and group[0] is left[0]), None)
        if axis is None or left[: len(groups[axis])] != groups[axis]:
            return None
        left = left[len(groups[axis]) :]
        order.append(axis)
    for axis, group in enumerate(groups):
        if not group:
            order.insert(axis, axis)
    return tuple(order)


def _merged(flat: list[_Factor], final: list[_Factor]) -> Groups:
    """Group factors that are neighbors in both orders."""
    follower = dict(pairwise(final))
    groups: Groups = []
    for factor in flat:
        if groups and follower.get(groups[-1][-1]) is factor:
            groups[-1].append(factor)
        else:
            groups.append([factor])
    return groups
