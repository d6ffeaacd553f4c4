"""The parser of all commands, with absl's --verbosity and --flagfile, and the log."""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import absl.logging
from absl import flags
from absl.flags import argparse_flags

import tfl_depth
from tfl_depth.tools.lib.printable import printable

# The only flag of absl for the commands besides --flagfile.
FLAGS = flags.FlagValues()
FLAGS["verbosity"] = flags.FLAGS["verbosity"]
_PACKAGE = str(Path(tfl_depth.__file__).parent)
# The default of --verbosity.
STEPS = 0
_LEVELS = {logging.WARNING: "warning: ", logging.ERROR: "error: "}


class CommandParser(argparse_flags.ArgumentParser):
    """An argument parser in the style of all commands, with an example in its help.

    The first positional argument, MODEL, may also be given as the option --model if there is one.
    """

    def __init__(self, program: str, description: str, example: str) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            prog=program,
            description=description,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            inherited_absl_flags=FLAGS,
        )
        # argparse accepts "-1" as a number, but takes "-1,1" for an option.
        self._negative_number_matcher = re.compile(r"-\.?\d")
        self.add_argument(
            "--version", action="version", version=f"tfl-depth {tfl_depth.__version__}"
        )
        for action in self._actions:
            if {"--helpshort", "--helpfull"} & set(action.option_strings):
                action.help = argparse.SUPPRESS

    def add_logging(self) -> None:
        """Describe --verbosity and --flagfile in the help."""
        for action in self._actions:
            if "--verbosity" in action.option_strings:
                action.metavar = "N"
                action.help = (
                    "what is logged: 0 steps (default), -1 warnings, -2 errors, 1 also what "
                    "libraries print"
                )
        self.add_argument(
            "--flagfile",
            action="append",
            default=argparse.SUPPRESS,
            metavar="FILE",
            help="read options from a file, one a line: --name=value",
        )

    def expanded(self, given: Sequence[str]) -> list[str]:
        """The words of a command line with those of its --flagfile."""
        try:
            return list(FLAGS.read_flags_from_files(["", *given], force_gnu=True)[1:])
        except flags.Error as error:
            self.error(str(error))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Like argparse. A wrong flag of absl is an error of use too."""
        given = self.expanded(sys.argv[1:] if args is None else args)
        # A program may run several commands: reset the verbosity of the previous one.
        FLAGS["verbosity"].value = STEPS
        if "--model" in self._option_string_actions:
            given = _model_first(given)
        try:
            return super().parse_known_args(given, namespace)  # type: ignore[no-untyped-call]
        except flags.Error as error:
            self.error(str(error))


def make_parser(program: str, description: str, example: str) -> CommandParser:
    """An argument parser in the style of all commands, with an example in its help."""
    made = CommandParser(program, description, example)
    made.add_logging()
    return made


def _model_first(given: list[str]) -> list[str]:
    """The same arguments with the value of --model as the first one."""
    for place, word in enumerate(given):
        name, equals, value = word.partition("=")
        if name == "--model" and equals:
            return [value, *given[:place], *given[place + 1 :]]
        if name == "--model" and place + 1 < len(given):
            return [given[place + 1], *given[:place], *given[place + 2 :]]
    return given


def log_to_stderr() -> None:
    """Let absl log to standard error, one line each. Logs of other packages do not change."""
    if absl.logging.get_absl_handler() in logging.root.handlers:
        logging.root.removeHandler(absl.logging.get_absl_handler())
        logging.root.setLevel(logging.WARNING)
    logger = absl.logging.get_absl_logger()
    logger.propagate = False
    logger.handlers = [_OnStandardError()]
    absl.logging.set_verbosity(verbosity())


def verbosity() -> int:
    """The value of --verbosity."""
    return int(FLAGS["verbosity"].value or 0)


class _OnStandardError(logging.Handler):
    """Prints lines of the commands to the current `sys.stderr`, and marks lines of libraries."""

    def emit(self, record: logging.LogRecord) -> None:
        if not record.pathname.startswith(_PACKAGE):
            # Keras and TensorFlow log through absl as well.
            os.write(2, f"{record.getMessage()}\n".encode(errors="replace"))
            return
        text = " ".join(printable(record.getMessage()).split())
        # File names need not be UTF-8.
        text = text.encode(errors="backslashreplace").decode()
        print(f"{_LEVELS.get(record.levelno, '')}{text}", file=sys.stderr)
