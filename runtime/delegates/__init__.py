"""Delegates: the known ones, and the choice of one for a model and a board."""

from tfl_depth.runtime.delegates.board import Board
from tfl_depth.runtime.delegates.select import select_delegate
from tfl_depth.runtime.delegates.selected import SelectedDelegate
from tfl_depth.runtime.delegates.spec import Cache, DelegateSpec

__all__ = ["Board", "Cache", "DelegateSpec", "SelectedDelegate", "select_delegate"]
