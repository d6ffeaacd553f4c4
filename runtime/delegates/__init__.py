"""Delegates: which there are, which one runs a model on this board, and with what options."""

from tfl_depth.runtime.delegates.board import Board
from tfl_depth.runtime.delegates.choose import choose
from tfl_depth.runtime.delegates.chosen import Chosen
from tfl_depth.runtime.delegates.row import Cache, DelegateRow

__all__ = ["Board", "Cache", "Chosen", "DelegateRow", "choose"]
