"""The option --board: run a command on a board, and report the result here."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfl_depth.errors import BoardError
from tfl_depth.tools.lib import command_result, option_values
from tfl_depth.tools.lib.command_parser import CommandParser
from tfl_depth.tools.lib.given_options import given_options
from tfl_depth.tools.lib.inspect_text import sections_text
from tfl_depth.tools.lib.printable import printable

if TYPE_CHECKING:
    from tfl_depth.boards import RemoteBoard, ToolRun

TIME_LIMIT_S = 600.0
# Options that a board does not get.
_OF_THIS_MACHINE = frozenset(
    ("board", "report", "time_limit", "json", "model", "output", "picture")
)
# Options whose value is a file of this machine.
_FILES = frozenset(("public_key", "float", "fallback_model"))
_ON_CPU = "--delegate=cpu"
Text = Callable[[dict[str, Any]], str]


def add_board_options(parser: argparse.ArgumentParser) -> None:
    """Add --board, --report and --time-limit."""
    parser.add_argument(
        "--board",
        metavar="NAME",
        help="run it on a board of tfl-depth board list, with --delegate auto unless another is "
        "named; cpu for its processor",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="with --board: write what was found as a page, FILE.html, and FILE.json beside it",
    )
    parser.add_argument(
        "--time-limit",
        type=option_values.seconds,
        default=TIME_LIMIT_S,
        metavar="SECONDS",
        help=f"with --board: when it is stopped there ({TIME_LIMIT_S:g})",
    )


def expect_board(options: argparse.Namespace) -> None:
    """Check that --report ends in .html and comes with --board.

    Raises:
        BoardError: it does not.
    """
    if options.report is None:
        return
    if options.board is None:
        raise BoardError("--report describes a run on a board: give --board NAME as well.")
    if options.report.suffix != ".html":
        raise BoardError(f"Expected a --report that ends in .html, got {options.report}.")


def run_on_board(
    tool: str,
    options: argparse.Namespace,
    arguments: Sequence[str | Path],
    *,
    text: Text | None = None,
    output: Path | None = None,
    more_s: float = 0.0,
) -> None:
    """Run a command on the board, print and write the report, and fail if the command does.

    Args:
        tool: the command's name.
        options: its options here.
        arguments: for the command there; a `Path` is a file that is sent.
        text: returns the command's own result as text, for below the report.
        output: folder for the files that the command writes.
        more_s: extra time beyond --time-limit.

    Raises:
        BoardError: the board, the link or the command fails.
    """
    from tfl_depth.boards import RemoteBoard

    expect_board(options)
    with RemoteBoard(options.board) as board:
        limit_s = options.time_limit + more_s
        run = board.run_tool(tool, arguments, limit_s=limit_s, output=output)
        say_what_was_said(board.entry.name, run.errors)
        if run.result is not None:
            tell_report(board, tool, options, run.result, run.conditions, text)
    if run.status:
        raise BoardError(_failure(board, tool, run))


def tell_report(
    board: RemoteBoard,
    tool: str,
    options: argparse.Namespace,
    result: Mapping[str, Any],
    conditions: Mapping[str, Any] | None,
    text: Text | None,
) -> None:
    """Print the report of a command, and write it to the file of --report."""
    from tfl_depth.tools.lib.board_report import board_report, report_sections, write_board_report

    report = board_report(board, tool, options.model, result, conditions)
    if options.report is not None:
        write_board_report(options.report, report)
    shown = sections_text(report_sections(report))
    own = [] if text is None else ["", text(dict(result))]
    command_result.tell(options, report, "\n".join([shown, *own]))


def board_arguments(
    parser: CommandParser, argv: Sequence[str] | None, left_out: Collection[str] = ()
) -> list[str | Path]:
    """The options of a command for the board, without its positional arguments.

    Args:
        parser: of the command.
        argv: the arguments here.
        left_out: names of further options that the board does not get.

    Returns:
        The same options, with a `Path` for a value that is a file of this machine.
    """
    given = sys.argv[1:] if argv is None else argv
    made: list[str | Path] = []
    for dest, (flag, *values) in given_options(parser, given):
        value = values[0] if values else None
        if dest in _OF_THIS_MACHINE or dest in left_out:
            continue
        if value is not None and (dest in _FILES or _is_camera_file(dest, value)):
            made += [flag, Path(value)]
        else:
            made.append(flag if value is None else f"{flag}={value}")
    takes_delegate = "--delegate" in parser._option_string_actions
    return [*_with_delegate(made)] if takes_delegate else made


def _is_camera_file(dest: str, value: str) -> bool:
    """Whether a value is a camera's file and not its numbers."""
    return dest == "camera" and Path(value).is_file()


def _with_delegate(given: Sequence[str | Path]) -> Iterator[str | Path]:
    """The same, with --delegate auto if no delegate is named. The CPU is no delegate at all."""
    yield from (each for each in given if each != _ON_CPU)
    if not any(str(each).startswith(("--delegate=", "--engine=")) for each in given):
        yield "--delegate=auto"


def board_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `DepthRunner` for a board: "auto" without a delegate, and none for "cpu"."""
    delegate = settings["delegate"] or "auto"
    return {**settings, "delegate": None if delegate == "cpu" else delegate}


def say_what_was_said(name: str, errors: str) -> None:
    """Print a command's standard error from a board, except its error."""
    for line in errors.splitlines():
        if line.startswith("warning:"):
            line = f"warning: {name}: {line[len('warning:') :].strip()}"
        elif line.strip() and not line.startswith("error:"):
            line = f"{name}: {line}"
        else:
            continue
        print(printable(line), file=sys.stderr)


def _failure(board: RemoteBoard, tool: str, run: ToolRun) -> str:
    name = board.entry.name
    lines = [line for line in run.errors.splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("error:")]
    if said:
        return f"{name}: {said[-1][len('error:') :].strip()}"
    if run.status > 128:
        return f"tfl-depth {tool} crashed on {name}: {_signal(run.status - 128)}."
    last = lines[-1] if lines else f"status {run.status}"
    return f"tfl-depth {tool} failed on {name}: {last}"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
