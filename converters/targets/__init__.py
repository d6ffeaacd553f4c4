"""From a portable .tflite file to one for a board, and where its operators will run there."""

from tfl_depth.converters.targets.place import Placed, place, refuse_unplaced
from tfl_depth.converters.targets.placement import Estimate, PlacedOperator, Placement

__all__ = ["Estimate", "Placed", "PlacedOperator", "Placement", "place", "refuse_unplaced"]
