"""Rewrites equivalent operators to one kind, such as those that only change the shape."""

from __future__ import annotations

import numpy as np

from tfl_depth.converters.graph.graph import Graph, constant
from tfl_depth.converters.graph.operator_kinds import SHAPING


def write_reshapes(graph: Graph) -> int:
    """Rewrite SQUEEZE, EXPAND_DIMS and RESHAPE with -1 to RESHAPE with full shapes."""
    count = 0
    for operator in [op for op in graph.operators if op.kind in SHAPING]:
        shape = operator.output.shape
        target = operator.inputs[1] if len(operator.inputs) > 1 else None
        is_plain = target is not None and target.is_constant and target.dtype == np.int32
        if operator.kind == "RESHAPE" and is_plain and tuple(target.constant) == shape:  # type: ignore[union-attr]
            continue
        made = constant(f"{operator.output.name}/shape", shape, np.int32)
        operator.kind, operator.options, operator.version = "RESHAPE", None, 1
        operator.inputs = [operator.inputs[0], made]
        count += 1
    return count
