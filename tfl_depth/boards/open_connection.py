"""Open the link to a board: SSH or ADB. Their packages are imported only now."""

from __future__ import annotations

from tfl_depth.boards.address import AdbAddress, parse_address
from tfl_depth.boards.board_book import BoardEntry
from tfl_depth.boards.connection import BoardConnection


def open_connection(entry: BoardEntry) -> BoardConnection:
    """Connect to a board.

    Raises:
        BoardError: it cannot be reached; the text has the reason.
        ModuleNotFoundError: the package for its kind of link is not installed.
    """
    address = parse_address(entry.address)
    if isinstance(address, AdbAddress):
        from tfl_depth.boards.adb_connection import AdbConnection

        return AdbConnection(address)
    from tfl_depth.boards.ssh_connection import SshConnection

    return SshConnection(address, entry.host_key)
