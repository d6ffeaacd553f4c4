"""Docstrings as the reference shows them: several names of one line become one line each.

    low, high: ends of the interval.

is one entry in the sources, and two in the reference, each with its type.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_NAMES = re.compile(r"^( +)(\w+(?:, \w+)+): (.+(?:\n\1 +.+)*)", re.MULTILINE)


class SeparateNames(griffe.Extension):
    """Reads `a, b: text` in a docstring's sections as `a: text` and `b: text`."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of an object that was read."""
        if obj.docstring is not None:
            obj.docstring.value = _NAMES.sub(_one_each, obj.docstring.value)


def _one_each(match: re.Match[str]) -> str:
    indent, names, text = match.groups()
    return "\n".join(f"{indent}{name}: {text}" for name in names.split(", "))
