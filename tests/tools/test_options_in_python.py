"""What a command takes, Python takes under the same name, and the other way round."""

from __future__ import annotations

import argparse
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from tfl_depth import DepthRunner, convert
from tfl_depth.boards import BoardEntry, add_board
from tfl_depth.converters import Conversion
from tfl_depth.data import open_split
from tfl_depth.diagnostics.doctor_report import examine_board
from tfl_depth.diagnostics.inspect_report import tflite_report
from tfl_depth.format.signing import sign
from tfl_depth.proof import prove_by
from tfl_depth.tools.cli import COMMANDS

# The functions that have a command's options, each option in one of them.
FUNCTIONS: dict[str, tuple[Callable[..., Any], ...]] = {
    "benchmark": (DepthRunner.__init__,),
    "board": (BoardEntry, add_board),
    "calibrate": (DepthRunner.__init__,),
    "convert": (convert, Conversion.save),
    "doctor": (examine_board,),
    "evaluate": (DepthRunner.__init__, open_split),
    "export": (DepthRunner.__init__,),
    "infer": (
        DepthRunner.__init__,
        DepthRunner.stream,
        DepthRunner.infer_batch,
        DepthRunner.show,
    ),
    "inspect": (tflite_report,),
    "placement": (convert, DepthRunner.__init__),
    "prove": (DepthRunner.__init__, prove_by),
    "sign": (sign,),
    "strategy": (convert, open_split),
    "view": (DepthRunner.__init__,),
    "zoo": (convert, Conversion.save),
}
# Training has its options in the recipe, a file for the command and a class in Python.
WITHOUT = {"train"}
# What every command takes, most of it from absl.
OF_EVERY_COMMAND = {
    *("help", "version", "flagfile", "helpshort", "helpfull", "undefok"),
    argparse.SUPPRESS,  # --verbosity
}
# What is there for a shell alone, and what a program has instead.
RETURNED = "the result that a function returns"
A_FILE = "a file that a program writes of the result"
A_BOARD = "tfl_depth.boards.RemoteBoard, which runs the command"
OF_A_SHELL: dict[str, dict[str, str]] = {
    "every": {
        "json": RETURNED,
        "output": A_FILE,
        "report": A_FILE,
        "board": A_BOARD,
        "time_limit": A_BOARD,
        "fov": "a camera of class FieldOfView",
        "jobs": "the program's own processes",
        "cluster": "the same",
    },
    "benchmark": {
        "float": "a DepthRunner of its own",
        "rounds": "a loop over DepthRunner.measure",
        "minutes": "a loop over DepthRunner.measure",
    },
    "board": {
        "action": "a function for each: add_board, read_boards, remove_board",
        "trust_new_host": "BoardEntry.host_key, the key itself",
    },
    "calibrate": {
        "point": "Camera.depth, a DepthCalibration of the program's own fit",
        "checkerboard": "the same",
        "photos": "the same",
        "rgbd": "the same",
    },
    "evaluate": {
        "data": "open_split's folder",
        "video": "tfl_depth.evaluation.steadiness, of any frames",
        "against": "paired_change of two lists of scores",
        "pictures": A_FILE,
        "zooms": "a loop over zoomed photos",
    },
    "export": {"format": "there is one format", "name": "a name in the file"},
    "infer": {
        "inputs": "the source of stream, the images of infer_batch",
        "save": A_FILE,
        "overwrite": A_FILE,
        "voxel": A_FILE,
        "to": "the frames that stream yields",
        "serve": "the same",
        "frame_format": "the same",
        "show": "the method DepthRunner.show",
    },
    "inspect": {"model": "the file's bytes", "html": A_FILE},
    "placement": {"picture": A_FILE},
    "sign": {"key": "sign's private_key", "new_key": "the function new_key_pair"},
    "strategy": {
        "checkpoint": "an older name of the network",
        "data": "open_split's folder",
        "work": "a study runs from the shell alone",
        "quick": "the same",
        "train": "the same",
    },
    "view": {
        "inputs": "a page, served from the shell alone",
        "reference": "the same",
        "port": "the same",
        "open": "the same",
    },
    "zoo": {"action": "tfl_depth.convert, with the zoo's files", "name": "the same"},
}
# What is there for a program alone: its images and memory, and how it takes the frames.
OF_A_PROGRAM = {
    "convert": {"progress"},
    "infer": {
        *("source", "images", "size", "channels", "on_full", "waiting", "smooth", "workers"),
        "progress",
    },
}
# The number's unit is a part of the name in Python, and not of the option.
UNITS = ("_m", "_s")
# A flag for each value (--int8), a flag for the opposite (--no-golden).
OTHER_FLAGS = {"precision", "golden"}
# Without a target, convert makes a file for the CPU. A placement is of a target, or of a delegate.
OTHER_DEFAULTS = {("placement", "target")}


def actions(command: str) -> dict[str, argparse.Action]:
    parser = importlib.import_module(f"tfl_depth.tools.{command}")._parser()
    return {each.dest: each for each in parser._actions if each.dest not in OF_EVERY_COMMAND}


def of_a_shell(command: str) -> set[str]:
    return {*OF_A_SHELL["every"], *OF_A_SHELL.get(command, ())} - parameters(command).keys()


def parameters(command: str) -> dict[str, inspect.Parameter]:
    found: dict[str, inspect.Parameter] = {}
    for function in FUNCTIONS[command]:
        found.update(inspect.signature(function).parameters)
    return {name: each for name, each in found.items() if name != "self"}


def test_every_command_is_compared() -> None:
    assert FUNCTIONS.keys() | WITHOUT == COMMANDS.keys()


@pytest.mark.parametrize("command", FUNCTIONS)
def test_every_option_is_a_parameter(command: str) -> None:
    assert actions(command).keys() - of_a_shell(command) <= parameters(command).keys()


@pytest.mark.parametrize("command", OF_A_PROGRAM)
def test_every_parameter_is_an_option(command: str) -> None:
    assert parameters(command).keys() - OF_A_PROGRAM[command] <= actions(command).keys()


@pytest.mark.parametrize("command", FUNCTIONS)
def test_the_flag_has_the_parameters_name(command: str) -> None:
    for dest, action in actions(command).items():
        if action.option_strings and dest not in of_a_shell(command) | OTHER_FLAGS:
            plain = next((dest.removesuffix(unit) for unit in UNITS if dest.endswith(unit)), dest)
            assert "--" + plain.replace("_", "-") in action.option_strings


@pytest.mark.parametrize("command", FUNCTIONS)
def test_both_have_the_same_defaults(command: str) -> None:
    expected = parameters(command)
    for dest, action in actions(command).items():
        if dest not in expected or expected[dest].default is inspect.Parameter.empty:
            continue
        if (command, dest) in OTHER_DEFAULTS:
            continue
        given, default = action.default, expected[dest].default
        # What is not given is None or False in a parser, and a list for what may be repeated.
        assert given == default or (not given and not default), dest


def test_the_lists_of_exceptions_name_what_is_there() -> None:
    everywhere = set.union(*(set(actions(command)) for command in FUNCTIONS))
    assert OF_A_SHELL["every"].keys() <= everywhere
    for command, names in OF_A_SHELL.items():
        if command != "every":
            assert names.keys() <= actions(command).keys() - parameters(command).keys(), command
    for command, shell in OF_A_PROGRAM.items():
        assert shell <= parameters(command).keys()
