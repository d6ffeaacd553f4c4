"""Compilation of a portable .tflite file for a board, and the placement of its operators."""

from tfl_depth.converters.deployment.compile import (
    CompiledModel,
    compile_for_target,
    refuse_unplaced,
)
from tfl_depth.converters.deployment.placement import Estimate, PlacedOperator, Placement

__all__ = [
    "CompiledModel",
    "Estimate",
    "PlacedOperator",
    "Placement",
    "compile_for_target",
    "refuse_unplaced",
]
