"""Repeats rewrites until none applies any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tfl_depth.converters.graph.graph import Graph

Rewrite = Callable[[Graph], int]

# Limits rewrites that undo each other. Real networks need about five rounds.
ROUNDS = 30


def repeat(graph: Graph, rewrites: Sequence[Rewrite]) -> int:
    """Apply rewrites to a graph, in place, until none applies.

    Returns:
        The number of applications.
    """
    total = 0
    for _ in range(ROUNDS):
        count = sum(rewrite(graph) for rewrite in rewrites)
        graph.remove_dead()
        if count == 0:
            break
        total += count
    return total
