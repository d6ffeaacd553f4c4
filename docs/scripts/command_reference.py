"""The options of every command as Markdown, from the parsers themselves; docs/hooks.py shows it."""

from __future__ import annotations

import argparse
import importlib

from tfl_depth.tables import markdown
from tfl_depth.tools.cli import COMMANDS

# Of every command; the page begins with them.
LEFT_OUT = ("--help", "--version", "--verbosity", "--flagfile")


def command_reference() -> str:
    """A section for each command: what it does, its options, its example and its lists."""
    return "\n".join(map(_section, COMMANDS))


def _section(name: str) -> str:
    parser = importlib.import_module(f"tfl_depth.tools.{name}")._parser()
    shown = [
        action
        for action in parser._actions
        if action.help != argparse.SUPPRESS and not {*LEFT_OUT} & {*action.option_strings}
    ]
    table = markdown(["option", "meaning"], [_row(parser, action) for action in shown])
    lists = f"```text\n{parser.epilog.strip()}\n```"
    return f"## {name}\n\n{_description(parser.description)}\n\n{table}\n{lists}\n"


def _description(text: str) -> str:
    """Text as it is; from the first indented line on it is aligned by spaces."""
    lines = text.splitlines()
    aligned = next((k for k, line in enumerate(lines) if line.startswith("  ")), len(lines))
    if aligned == len(lines):
        return text
    before, rest = "\n".join(lines[:aligned]), "\n".join(lines[aligned:])
    return f"{before}\n\n```text\n{rest}\n```"


def _row(parser: argparse.ArgumentParser, action: argparse.Action) -> list[str]:
    value = _value(action)
    names = [f"{each} {value}".rstrip() for each in action.option_strings] or [value]
    name = ", ".join(f"`{each}`" for each in names)
    meaning = parser._get_formatter()._expand_help(action) if action.help else ""
    if action.required and action.option_strings:
        meaning += "; required"
    return [name, _escaped(meaning)]


def _value(action: argparse.Action) -> str:
    """What stands behind an option's name: its metavar, or its choices."""
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, str):
        return action.metavar
    choices = [] if action.choices is None else list(action.choices)
    return "{" + ",".join(map(str, choices)) + "}" if choices else action.dest.upper()


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
