"""Warnings for the user of a command, each in a line of the log."""

from __future__ import annotations

import warnings
from typing import TextIO

from absl import logging

from tfl_depth.errors import ConversionWarning, FallbackWarning, SkippedImageWarning

_LOGGED = (ConversionWarning, FallbackWarning, SkippedImageWarning)


def log_warnings_in_one_line() -> None:
    """Log these warnings from now on. The others are shown as before."""
    for category in _LOGGED:
        warnings.simplefilter("default", category)
    usual = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, _LOGGED):
            logging.warning("%s", message)
        else:
            usual(message, category, filename, lineno, file, line)

    warnings.showwarning = show
