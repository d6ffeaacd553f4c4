"""`tfl-depth doctor`: what this board can run, and what to install."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tfl_depth.diagnostics.doctor_report import examine_board
from tfl_depth.diagnostics.doctor_run import WORKS
from tfl_depth.errors import DepthError
from tfl_depth.runtime.delegates import Board
from tfl_depth.runtime.delegates.select import CPU
from tfl_depth.tools.lib import command_result, command_run, model_options, option_values
from tfl_depth.tools.lib.board_options import (
    add_board_options,
    board_arguments,
    expect_board,
    run_on_board,
)
from tfl_depth.tools.lib.command_parser import CommandParser, make_parser

EXAMPLE = "tfl-depth doctor model.tflite"
TIMEOUT_S = 60.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.board is not None:
        return command_run.run(lambda: _doctor_there(options, board_arguments(parser, argv)))
    return command_run.run(lambda: _doctor(options))


def _parser() -> CommandParser:
    parser = make_parser(
        "tfl-depth doctor",
        "Examine this board: its name, the interpreter packages, the delegates and whether they\n"
        "start, the matching version of Vela, and what to install. With MODEL, also run it.\n"
        "Libraries run in separate processes, since they may crash or hang. The exit status is 0\n"
        "if the model can run here (without MODEL: any model), and 1 otherwise.",
        EXAMPLE,
    )
    model_options.add_model(parser, "a .tflite to run", nargs="?")
    command_result.add_json(parser)
    parser.add_argument(
        "--timeout",
        dest="timeout_s",
        type=option_values.seconds,
        default=TIMEOUT_S,
        metavar="SECONDS",
        help=f"limit for each library, and for opening and each run of MODEL ({TIMEOUT_S:g})",
    )
    add_board_options(parser)
    return parser


def _doctor_there(options: argparse.Namespace, arguments: list[str | Path]) -> None:
    if options.model is not None:
        arguments = [options.model, *arguments]
    run_on_board("doctor", options, arguments, text=lambda found: "\n".join(_table(found)))


def _doctor(options: argparse.Namespace) -> None:
    expect_board(options)
    model_options.expect_model(options.model)
    found = examine_board(Board(), options.model, options.timeout_s)
    command_result.tell(options, found, "\n".join(_table(found)))
    if not found["runnable"]:
        what = "any model" if options.model is None else str(options.model)
        raise DepthError(f"Nothing here can run {what}. See above what to do.")


def _table(found: dict[str, Any]) -> Iterator[str]:
    board, python = found["board"], found["python"]
    yield _row("board", board["description"])
    if board["target"] is not None:
        yield _row("target", f"tfl-depth convert --target {board['target']}")
    yield _row("system", f"{board['system'] or 'unknown'}, kernel {board['kernel'] or 'unknown'}")
    yield _row("python", f"{python['version']}, numpy {python['numpy']}")
    for each in found["interpreters"]:
        release = each["version"] or "(version unknown)"
        yield _row("interpreter", f"{each['name']} {release}: {_with_detail(each)}")
    yield from _delegate_rows(found["delegates"])
    if found["vela"] is not None:
        yield _row("Vela", found["vela"])
    for each in found["runs"] or ():
        yield _row(f"run on {each['delegate']}", _outcome(each))
        yield from (_row("", text) for text in (_proof(each), each["reason"]) if text)
    if found["hints"]:
        yield from ["", "to do:", *(f"- {line}" for line in found["hints"])]


def _delegate_rows(delegates: Sequence[dict[str, Any]]) -> Iterator[str]:
    here = [each for each in delegates if each["library"] or each["devices"]]
    for each in here:
        library = each["library"] or f"no library, although there is {each['devices'][0]}"
        yield _row("delegate", f"{each['name']}: {_with_detail(each)}, {library}")
    others = [each["name"] for each in delegates if each not in here]
    if others:
        yield _row("not here", ", ".join(others))


def _outcome(run: dict[str, Any]) -> str:
    if run["state"] != WORKS:
        return _with_detail(run)
    first_ms, steady_ms = 1000 * run["first_s"], 1000 * run["steady_s"]
    times = f"works: first run {first_ms:.1f} ms, then {steady_ms:.1f} ms"
    if run["delegate"] == CPU:
        return times
    return f"{times}, {run['taken']} of {run['operators']} operators on the delegate"


def _proof(run: dict[str, Any]) -> str | None:
    if run["state"] == WORKS and run["proof"] is None:
        return "The model has no golden vectors, so its depth was not checked."
    return None if run["proof"] is None else str(run["proof"])


def _with_detail(each: dict[str, Any]) -> str:
    return f"{each['state']} ({each['detail']})" if each["detail"] else str(each["state"])


def _row(name: str, text: str) -> str:
    return f"{name:<14} {text}"
