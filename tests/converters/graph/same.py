"""Whether a rewrite keeps what a graph computes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from tfl_depth.converters.graph import Graph
from tfl_depth.converters.graph.run import run_graph

RELATIVE = 5e-6


def applied(graph: Graph, rewrite: Callable[[Graph], Any], spread: float = 1.0) -> Any:
    """Apply a rewrite, and check that the outputs are the same as before, and the same tensors.

    Args:
        graph: is changed. An input of (1, 3, H, W) may become one of (1, H, W, 3).
        rewrite: what to apply.
        spread: of the random inputs.

    Returns:
        What the rewrite returns.
    """
    (source,) = graph.inputs.values()
    image = (np.random.default_rng(1).normal(size=source.shape) * spread).astype(np.float32)
    before, tensors = run_graph(graph, [image]), dict(graph.outputs)
    found = rewrite(graph)
    graph.remove_dead()
    (taken,) = graph.inputs.values()
    if taken.shape != image.shape:
        image = np.ascontiguousarray(image.transpose(0, 2, 3, 1))
    after = run_graph(graph, [image])
    for name, value in before.items():
        assert graph.outputs[name] is tensors[name]
        assert after[name].shape == value.shape
        error = np.abs(after[name] - value).max()
        assert error <= RELATIVE * np.abs(value).max(), f"{name} is off by {error}"
    return found


def kinds(graph: Graph) -> list[str]:
    """The operators in order."""
    return [operator.kind for operator in graph.operators]


def counts(graph: Graph) -> Counter[str]:
    """How many operators there are of each kind."""
    return Counter(kinds(graph))
