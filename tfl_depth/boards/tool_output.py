"""What a command has printed on a board: its JSON, the sensors, and what else came between."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Begins the line with the sensors.
MARK = "tfl-depth board: "


@dataclass(frozen=True)
class ToolOutput:
    """A command's output, taken apart.

    Attributes:
        result: its JSON; None where it printed none.
        conditions: the sensors before and after it; None where it did not come to its end.
    """

    result: dict[str, Any] | None
    conditions: dict[str, Any] | None


def read_output(text: str) -> ToolOutput:
    """Take apart what was printed; libraries may have printed before and behind."""
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
    """A result with this machine's paths in place of the board's.

    Args:
        found: of JSON.
        paths: this machine's, by what begins the board's.
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
