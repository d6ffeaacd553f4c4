"""The results of the inputs of `tfl-depth infer`: a line for each, or JSON at the end."""

from __future__ import annotations

import sys
from typing import Any, Literal

from absl import logging

InputState = Literal["written", "finished before", "ends early", "failed"]


class InputReport:
    """Collects the results of inputs.

    Attributes:
        inputs: the results in order, for JSON.
    """

    def __init__(self, *, as_json: bool) -> None:
        """With `as_json`, print only warnings and errors."""
        self._as_json = as_json
        self.inputs: list[dict[str, Any]] = []

    def say(self, line: str) -> None:
        """Print a line of text."""
        if not self._as_json:
            print(line)

    def add(self, source: object, state: InputState, **found: Any) -> None:
        """Record an input's result."""
        self.inputs.append({"input": str(source), "state": state, **found})

    def warn(self, line: str) -> None:
        """Print a warning, also with `as_json`."""
        logging.warning("%s", line)

    def fail(self, source: object, error: Exception) -> None:
        """Record a failed input and print its error, also with `as_json`."""
        self.add(source, "failed", error=str(error))
        print(f"error: {source}: {error}", file=sys.stderr)
