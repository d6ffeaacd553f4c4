"""Which of a model's operators a delegate took, as the opened interpreter shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# What TensorFlow Lite calls the operator that stands for those a delegate has taken.
DELEGATE = "DELEGATE"
Operator = Mapping[str, Any]


@dataclass(frozen=True)
class DelegateCoverage:
    """Where the operators of a model run.

    Attributes:
        delegate: its name, or None without one.
        operators: how many the model has.
        taken: how many of them the delegate has taken.
        expected: how many it should take. The operators that a compiler made for an NPU are in the
            file as custom ones: these, where there are any, and otherwise all.
        left: how many of each type are left to the CPU.
    """

    delegate: str | None
    operators: int
    taken: int
    expected: int
    left: dict[str, int]

    @property
    def shortfall(self) -> str | None:
        """What the delegate should have taken and did not, as a sentence; None if nothing."""
        if self.delegate is None or self.taken >= self.expected:
            return None
        left = ", ".join(f"{count} {kind}" for kind, count in self.left.items())
        return (
            f"The delegate {self.delegate} took {self.taken} of {self.expected} operators: {left} "
            "left to the CPU."
        )


def read_coverage(interpreter: Any, delegate: str | None) -> DelegateCoverage:
    """Read what a delegate took.

    Args:
        interpreter: opened with the delegate, and not allocated yet: XNNPACK, which comes then,
            has taken nothing.
        delegate: its name, or None without one.
    """
    # No public way is as complete; all the packages have this one, since TensorFlow 2.3.
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
    """Indices of the operators between the inputs and the outputs of a delegate's node."""
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
