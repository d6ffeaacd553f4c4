"""What a vendor's compiler has printed, and what it has left of a model."""

from __future__ import annotations

from collections import Counter

from tfl_depth.converters.deployment.placement import CPU, NPU, Place, PlacedOperator
from tfl_depth.converters.tflite_facts import read_operators


def last_error(printed: str) -> str:
    """Return the last line that names an error, else the last line; empty if there is none."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or [""])[-1]


def operators_left(model: bytes, compiled: bytes, reason: str) -> tuple[PlacedOperator, ...]:
    """Place the operators of the portable model: on the CPU those that the compiled file still has.

    Args:
        model: the portable file.
        compiled: what the compiler made of it. What the NPU takes is of another kind there.
        reason: why an operator is on the CPU.
    """
    left = Counter((each.kind, each.name) for each in read_operators(compiled))
    placed = []
    for each in read_operators(model):
        stays = left[each.kind, each.name] > 0
        left[each.kind, each.name] -= stays
        place: Place = CPU if stays else NPU
        placed.append(PlacedOperator(each.kind, each.name, place, reason if stays else ""))
    return tuple(placed)
