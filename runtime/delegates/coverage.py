"""The operators that a delegate took, read from an open interpreter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# TensorFlow Lite's name of the operator that replaces the delegate's operators.
DELEGATE = "DELEGATE"
Operator = Mapping[str, Any]


@dataclass(frozen=True)
class DelegateCoverage:
    """Where the operators of a model run.

    Attributes:
        delegate: its name, or None without one.
        operators: number of the model's operators.
        taken: number of operators that the delegate took.
        expected: number of operators that it should take: the custom operators, which a compiler
            made for an NPU, or all if there are none.
        left: number of operators of each type that are left to the CPU.
    """

    delegate: str | None
    operators: int
    taken: int
    expected: int
    left: dict[str, int]

    @property
    def shortfall(self) -> str | None:
        """A sentence on the operators that the delegate should have taken; None if it took all."""
        if self.delegate is None or self.taken >= self.expected:
            return None
        left = ", ".join(f"{count} {kind}" for kind, count in self.left.items())
        return (
            f"The delegate {self.delegate} took {self.taken} of {self.expected} operators: {left} "
            "left to the CPU."
        )


def read_coverage(interpreter: Any, delegate: str | None) -> DelegateCoverage:
    """Read the operators that a delegate took.

    Args:
        interpreter: opened with the delegate and not allocated yet. XNNPACK takes operators only
            at the allocation.
        delegate: its name, or None without one.
    """
    # No public method is as complete. All packages have this one since TensorFlow 2.3.
    nodes = interpreter._get_ops_details()
    own = [node for node in nodes if node["op_name"] != DELEGATE]
    taken: set[int] = set()
    for node in nodes:
        if node["op_name"] == DELEGATE:
            taken |= _replaced(node, own)
    custom = [node for node in own if not node["op_name"].isupper()]
    left = Counter(node["op_name"] for node in own if node["index"] not in taken)
    return DelegateCoverage(delegate, len(own), len(taken), len(custom or own), dict(left))


def _replaced(delegate: Operator, own: Sequence[Operator]) -> set[int]:
    """Return the indices of the operators between the inputs and outputs of a delegate's node."""
    makers = {int(tensor): node for node in own for tensor in node["outputs"]}
    inputs = {int(tensor) for tensor in delegate["inputs"]}
    found: set[int] = set()
    waiting = [int(tensor) for tensor in delegate["outputs"]]
    while waiting:
        tensor = waiting.pop()
        maker = makers.get(tensor)
        if maker is None or tensor in inputs or maker["index"] in found:
            continue
        found.add(maker["index"])
        waiting += [int(tensor) for tensor in maker["inputs"]]
    return found
