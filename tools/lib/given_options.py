"""The options of a command line as they were typed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tfl_depth.tools.lib.command_parser import CommandParser


def given_options(parser: CommandParser, given: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Name of each option, and its words: the flag, and its value where it has one.

    Args:
        parser: that has accepted them.
        given: the words of the command line.
    """
    words = iter(parser.expanded(given))
    for word in words:
        flag, equals, value = word.partition("=")
        action = parser._option_string_actions.get(flag)
        if action is None:
            continue
        if action.nargs == 0:
            yield action.dest, [flag]
        else:
            yield action.dest, [flag, value if equals else next(words)]
