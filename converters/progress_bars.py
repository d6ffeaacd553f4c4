"""Progress bars in a terminal and in a notebook."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from tfl_depth.converters.ptq.progress import Progress, silent


def progress_bars(shown: bool | None) -> Progress:
    """Return what shows the progress of slow steps on standard error.

    Args:
        shown: whether it shows bars; None: in a terminal and in a notebook.
    """
    in_terminal = sys.stderr is not None and sys.stderr.isatty()
    if not (in_terminal or in_notebook() if shown is None else shown):
        return silent
    # A copy, as `quiet` hides what is printed to the original.
    stream = os.fdopen(os.dup(2), "w", errors="backslashreplace") if in_terminal else sys.stderr

    def bar(items: Iterable[Any], total: int, what: str) -> Iterable[Any]:
        return _bar(items, total, what, stream)

    return bar


def in_notebook() -> bool:
    """Whether the code runs in a Jupyter kernel."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")


def _bar(items: Iterable[Any], total: int, what: str, stream: TextIO) -> Iterable[Any]:
    from tqdm import tqdm

    bar: Iterable[Any] = tqdm(items, total=total, desc=what, file=stream, leave=False)
    return bar
