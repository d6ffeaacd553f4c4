"""The options on a command line, unparsed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tfl_depth.tools.lib.command_parser import CommandParser


def given_options(parser: CommandParser, given: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """The name of each option and its words: the flag and, if it has one, its value.

    Args:
        parser: the parser of the words; it has accepted them.
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
