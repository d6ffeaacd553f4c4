"""Progress bars in a terminal and in a notebook."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from functools import partial
from typing import Any, TextIO

# Wraps an iterable and shows its progress. Arguments: the iterable, its length, the name of the
# step.
Bars = Callable[[Iterable[Any], "int | None", str], Iterable[Any]]


def progress_bars(shown: bool | None) -> Bars | None:
    """Return what shows the progress of slow steps on standard error, or None.

    Args:
        shown: whether it shows bars; None: in a terminal and in a notebook.
    """
    in_terminal = sys.stderr is not None and sys.stderr.isatty()
    if not (in_terminal or in_notebook() if shown is None else shown):
        return None
    # A copy, as `quiet` hides what is printed to the original.
    stream = os.fdopen(os.dup(2), "w", errors="backslashreplace") if in_terminal else sys.stderr

    return partial(show_bar, stream=stream)


def in_notebook() -> bool:
    """Whether the code runs in a Jupyter kernel."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")


def with_bar(
    items: Generator[Any, None, None], total: int | None, what: str, shown: bool | None
) -> Generator[Any, None, None]:
    """Return a generator as it is, or one that shows its progress and closes it at the end.

    Args:
        items: to go through.
        total: how many there are; None: unknown.
        what: name of the step.
        shown: as for `progress_bars`.
    """
    bars = progress_bars(shown)
    return items if bars is None else _shown(items, bars(items, total, what))


def _shown(items: Generator[Any, None, None], bar: Iterable[Any]) -> Generator[Any, None, None]:
    with closing(items):
        yield from bar


def show_bar(
    items: Iterable[Any], total: int | None, what: str, stream: TextIO, *, hidden: bool = False
) -> Iterable[Any]:
    """Show a bar on `stream` while `items` are gone through, unless it is `hidden`."""
    from tqdm import tqdm

    bar: Iterable[Any] = tqdm(
        items, total=total, desc=what, file=stream, disable=hidden, leave=False
    )
    return bar
