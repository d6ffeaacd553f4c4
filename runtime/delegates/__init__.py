"""Delegates: which there are, which one runs a model on this board, and with what options."""

from tfl_depth.runtime.delegates.board import Board
from tfl_depth.runtime.delegates.select import select_delegate
from tfl_depth.runtime.delegates.selected import SelectedDelegate
from tfl_depth.runtime.delegates.spec import Cache, DelegateSpec

__all__ = ["Board", "Cache", "DelegateSpec", "SelectedDelegate", "select_delegate"]
