"""Boards by name: commands run on them over SSH or ADB, and the results come back."""

from tfl_depth.boards.board_book import BoardEntry, add_board, find_board, read_boards, remove_board
from tfl_depth.boards.remote_board import RemoteBoard, ToolRun

__all__ = [
    "BoardEntry",
    "RemoteBoard",
    "ToolRun",
    "add_board",
    "find_board",
    "read_boards",
    "remove_board",
]
