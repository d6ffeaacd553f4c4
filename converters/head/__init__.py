"""The head: splits a network at its last linear value, and adds the file's outputs there."""

from tfl_depth.converters.head.curve import Curve, measure_curve, usual_count
from tfl_depth.converters.head.depth_function import depth_function
from tfl_depth.converters.head.find import Head, find_head
from tfl_depth.converters.head.formula import Formula, Unit
from tfl_depth.converters.head.output import choose_output
from tfl_depth.converters.head.resizing import ResizeDifference, resize_difference
from tfl_depth.converters.head.single import SingleHead, single_head
from tfl_depth.converters.head.spans import HeadSpans, place_spans
from tfl_depth.converters.head.thermometer import SplitHead, split_head

__all__ = [
    "Curve",
    "Formula",
    "Head",
    "HeadSpans",
    "ResizeDifference",
    "SingleHead",
    "SplitHead",
    "Unit",
    "choose_output",
    "depth_function",
    "find_head",
    "measure_curve",
    "place_spans",
    "resize_difference",
    "single_head",
    "split_head",
    "usual_count",
]
