"""Comparison of the finished file with its source network."""

from tfl_depth.converters.verify.fidelity import Fidelity, measure_fidelity
from tfl_depth.converters.verify.file_checks import check_integer_file
from tfl_depth.converters.verify.operators import (
    OperatorError,
    compare_operators,
    refuse_dead,
    worst,
)
from tfl_depth.converters.verify.reference import SourceDepth

__all__ = [
    "Fidelity",
    "OperatorError",
    "SourceDepth",
    "check_integer_file",
    "compare_operators",
    "measure_fidelity",
    "refuse_dead",
    "worst",
]
