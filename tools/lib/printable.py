"""Text without control characters, for terminals."""

from __future__ import annotations

import re

# Control characters except the line's end, which can be terminal commands, and those that change
# the direction of text.
_COMMANDS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Replace each control character by its escape sequence, as in Python."""
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
