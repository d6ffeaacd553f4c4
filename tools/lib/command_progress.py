"""The progress of a command: bars, and lines with the numbers of its steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from time import monotonic
from typing import Any

from absl import logging

from tfl_depth.progress_bars import show_bar
from tfl_depth.tools.lib.command_run import TERMINAL


def progress(items: Iterable[Any], total: int | None, what: str) -> Iterable[Any]:
    """Yield the items, with a progress bar on standard error if it is a terminal."""
    return show_bar(items, total, what, TERMINAL, hidden=not TERMINAL.isatty())


class Steps:
    """Shows the progress of the slow parts of a command: a line with its number, and a bar."""

    def __init__(self, names: Sequence[str]) -> None:
        """Take the names of the parts, in order."""
        self._names = names

    def __call__(self, items: Iterable[Any], total: int | None, what: str) -> Iterable[Any]:
        """See `progress`."""
        if what not in self._names:  # a part of another step
            return progress(items, total, what)
        number = self._names.index(what) + 1
        logging.info("step %d of %d: %s", number, len(self._names), what)
        return progress(items, total, what)


def each_step(items: Sequence[Any], names: Sequence[str]) -> Iterator[Any]:
    """Yield items that take a similar time, each after a line with its number and the time left.

    Args:
        items: the items.
        names: of the steps.
    """
    begin_s = monotonic()
    for number, (each, name) in enumerate(zip(items, names, strict=True)):
        took_s = monotonic() - begin_s
        to_come = ""
        if number:
            to_come = f", about {_duration(took_s / number * (len(items) - number))} to come"
        logging.info("step %d of %d: %s%s", number + 1, len(items), name, to_come)
        yield each


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
