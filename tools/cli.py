"""`tfl-depth NAME`: the one command of the package, which loads no tool but the one asked for."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Mapping, Sequence

from tfl_depth.tools.lib import cli_common

# What each does. Its module in tfl_depth.tools has the same name and a `main`, and an `ENVIRONMENT`
# where its process must be started with one.
COMMANDS = {
    "convert": "a trained Keras network to a verified full-integer .tflite",
    "placement": "where the operators of a .tflite will run on a target",
    "inspect": "what a model takes, gives, holds and computes",
    "export": "a model's table of millimeters as a C header, and its decoder",
    "sign": "sign a model, so that a device can tell who it is from",
    "infer": "photos, videos and cameras to depth in millimeters",
    "board": "boards by name, for the other commands' --board",
    "doctor": "what this board can run, and what to install",
    "prove": "whether a delegate gives the right millimeters",
    "benchmark": "what the runtime costs beside the network",
    "calibrate": "depth of your own camera, from a few measured distances",
    "evaluate": "the field's metrics of a model, alone or against another",
    "train": "a network from its recipe",
    "strategy": "which way to int8 fits a network, by measuring each",
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
    return int(tool.main(given[1:]))


def _parser() -> argparse.ArgumentParser:
    parser = cli_common.parser(
        "tfl-depth",
        "Monocular metric depth on edge NPUs: from a Keras network to millimeters on the board.\n"
        "The exit status is 0, 1 for an error, or 2 for a call that makes no sense.",
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
    """Start this process anew with variables that are read once; what the user has set stays."""
    if not set(environment) <= set(os.environ):
        arguments = [sys.executable, *sys.orig_argv[1:]]
        os.execve(sys.executable, arguments, {**environment, **os.environ})  # noqa: S606
