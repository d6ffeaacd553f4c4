"""Find out why a link ended: connect to the board again for a while."""

from __future__ import annotations

from time import monotonic, sleep

from tfl_depth.boards.board_book import BoardEntry
from tfl_depth.boards.board_python import boot_id
from tfl_depth.boards.open_connection import open_connection
from tfl_depth.errors import BoardError

# Boards start within this.
RECONNECT_LIMIT_S = 60.0
_PAUSE_S = 2.0


def lost_link(entry: BoardEntry, boot: str | None, doing: str) -> str:
    """A sentence: the board restarted, only the link ended, or the board does not answer.

    Args:
        entry: the board's.
        boot: its earlier `boot_id`; None if unknown.
        doing: its activity, such as "ran tfl-depth prove".
    """
    now = _boot_now(entry)
    if now is None:
        return (
            f"The link to {entry.name} was lost while it {doing}, and it does not answer within "
            f"{RECONNECT_LIMIT_S:g} s: check its power and its cable, then run this again."
        )
    if boot and now and now != boot:
        return (
            f"{entry.name} restarted while it {doing}: check its power supply and its "
            "temperature, then run this again."
        )
    return (
        f"The link to {entry.name} was lost while it {doing}, and the board stopped it: run this "
        "again."
    )


def _boot_now(entry: BoardEntry) -> str | None:
    """The board's `boot_id` as soon as it answers; None if it does not."""
    until_s = monotonic() + RECONNECT_LIMIT_S
    while True:
        try:
            connection = open_connection(entry)
            try:
                return boot_id(connection)
            finally:
                connection.close()
        except (BoardError, TimeoutError):
            if monotonic() > until_s:
                return None
            sleep(_PAUSE_S)
