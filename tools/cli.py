"""`tfl-depth NAME`: the package's command. It loads only the tool that runs."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence

from absl import app, flags

from tfl_depth.tools.lib.command_parser import CommandParser

# The titles of commands. A command's module in tfl_depth.tools has the same name and a `main`. It
# has an `ENVIRONMENT` if its process needs environment variables.
COMMANDS = {
    "convert": "a trained Keras network to a verified full-integer .tflite",
    "placement": "where the operators of a .tflite will run on a target",
    "inspect": "a model's inputs, outputs, contract and computation",
    "export": "a model's table of millimeters as a C header, and its decoder",
    "sign": "sign a model, so that a device can check its author",
    "infer": "photos, videos and cameras to depth in millimeters",
    "zoo": "the trained networks that come with the repository",
    "board": "boards by name, for the other commands' --board",
    "doctor": "what this board can run, and what to install",
    "prove": "whether a delegate computes the right millimeters",
    "benchmark": "the time of the runtime compared with the network",
    "calibrate": "depth of your own camera, from a few measured distances",
    "evaluate": "the usual metrics of a model, alone or compared with another",
    "train": "a network from its recipe",
    "strategy": "measure every way to int8 for a network, to choose one",
    "view": "a model's depth in the browser, live and as a point cloud",
}
EXAMPLE = "tfl-depth infer model.tflite photos/ --output depth/"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    given = sys.argv[1:] if argv is None else argv
    name = _parser().parse_args(given[:1]).command
    tool = importlib.import_module(f"tfl_depth.tools.{name}")
    if argv is None:
        _start_with(getattr(tool, "ENVIRONMENT", {}))
        app.run(tool.main, argv=list(given), flags_parser=_behind_the_name)
    return int(tool.main(given[1:]))


def _behind_the_name(given: list[str]) -> list[str]:
    """The words after the command's name, for its own parser."""
    flags.FLAGS.mark_as_parsed()
    return given[1:]


def _parser() -> CommandParser:
    parser = CommandParser(
        "tfl-depth",
        "Monocular metric depth on edge NPUs: from a Keras network to millimeters on the board.\n"
        "The exit status is 0, 1 for an error, or 2 for a wrong option.",
        EXAMPLE,
    )
    parser.add_argument(
        "command",
        choices=COMMANDS,
        metavar="COMMAND",
        help="one of those below; `tfl-depth COMMAND --help` describes it",
    )
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name:<{width}}  {title}" for name, title in COMMANDS.items())
    parser.epilog = f"commands:\n{rows}\n\n{parser.epilog}"
    return parser


def _start_with(environment: Mapping[str, str]) -> None:
    """Restart this process with environment variables. Variables that the user has set are kept."""
    if not set(environment) <= set(os.environ):
        arguments = [sys.executable, *sys.orig_argv[1:]]
        os.execve(sys.executable, arguments, {**environment, **os.environ})  # noqa: S606
