"""The output of a command on a board: its JSON, the sensors, and other text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# The prefix of the line with the sensors.
MARK = "tfl-depth board: "


@dataclass(frozen=True)
class ToolOutput:
    """A command's output, parsed.

    Attributes:
        result: its JSON; None if it printed no JSON.
        conditions: the sensors before and after it; None if it did not end normally.
    """

    result: dict[str, Any] | None
    conditions: dict[str, Any] | None


def read_output(text: str) -> ToolOutput:
    """Parse the output. Libraries may print before and after the JSON."""
    lines = text.splitlines()
    marked = [line[len(MARK) :] for line in lines if line.startswith(MARK)]
    conditions = json.loads(marked[-1]) if marked else None
    return ToolOutput(_first_document(text), conditions)


def _first_document(text: str) -> dict[str, Any] | None:
    """The first JSON object that begins a line."""
    place = 0 if text.startswith("{") else text.find("\n{") + 1
    if not text[place:].startswith("{"):
        return None
    try:
        found: dict[str, Any] = json.JSONDecoder().raw_decode(text[place:])[0]
    except ValueError:
        return None
    return found


def with_own_paths(found: Any, paths: Mapping[str, str]) -> Any:
    """Replace the board's paths in a result by this machine's.

    Args:
        found: from JSON.
        paths: this machine's paths, by the prefixes of the board's.
    """
    if isinstance(found, dict):
        return {name: with_own_paths(value, paths) for name, value in found.items()}
    if isinstance(found, list):
        return [with_own_paths(value, paths) for value in found]
    if isinstance(found, str):
        for there, here in paths.items():
            if found == there or found.startswith(f"{there}/"):
                return here + found[len(there) :]
    return found
