"""What a command takes, Python takes under the same name, and the other way round."""

from __future__ import annotations

import argparse
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from tfl_depth import DepthRunner, convert
from tfl_depth.converters import Conversion
from tfl_depth.proof import prove_by

# The functions that have a command's options, each option in one of them.
FUNCTIONS: dict[str, tuple[Callable[..., Any], ...]] = {
    "convert": (convert, Conversion.save),
    "infer": (
        DepthRunner.__init__,
        DepthRunner.stream,
        DepthRunner.infer_batch,
        DepthRunner.show,
    ),
    "prove": (DepthRunner.__init__, prove_by),
}
# What every command takes, most of it from absl.
OF_EVERY_COMMAND = {
    *("help", "version", "flagfile", "helpshort", "helpfull", "undefok"),
    argparse.SUPPRESS,  # --verbosity
}
# What is there for a shell alone: files, pipes, boards, and the field of view, which is a camera of
# class `FieldOfView` in Python.
OF_A_SHELL = {
    "convert": {"json"},
    "infer": {
        *("inputs", "output", "save", "overwrite", "voxel", "json", "to", "serve", "frame_format"),
        *("jobs", "cluster", "show", "fov", "board", "report", "time_limit"),
    },
    "prove": {"json", "output", "board", "report", "time_limit"},
}
# What is there for a program alone: its images and memory, and how it takes the frames.
OF_A_PROGRAM = {
    "convert": {"progress"},
    "infer": {
        *(
            "source",
            "images",
            "size",
            "channels",
            "on_full",
            "waiting",
            "smooth",
            "workers",
            "progress",
        ),
    },
}
# The number's unit is a part of the name in Python, and not of the option.
UNITS = ("_m", "_s")
# A flag for each value (--int8), and a flag for the opposite (--no-golden).
OTHER_FLAGS = {"precision", "golden"}


def actions(command: str) -> dict[str, argparse.Action]:
    parser = importlib.import_module(f"tfl_depth.tools.{command}")._parser()
    return {each.dest: each for each in parser._actions if each.dest not in OF_EVERY_COMMAND}


def parameters(command: str) -> dict[str, inspect.Parameter]:
    found: dict[str, inspect.Parameter] = {}
    for function in FUNCTIONS[command]:
        found.update(inspect.signature(function).parameters)
    return {name: each for name, each in found.items() if name != "self"}


@pytest.mark.parametrize("command", FUNCTIONS)
def test_every_option_is_a_parameter(command: str) -> None:
    assert actions(command).keys() - OF_A_SHELL[command] <= parameters(command).keys()


@pytest.mark.parametrize("command", OF_A_PROGRAM)
def test_every_parameter_is_an_option(command: str) -> None:
    assert parameters(command).keys() - OF_A_PROGRAM[command] <= actions(command).keys()


@pytest.mark.parametrize("command", FUNCTIONS)
def test_the_flag_has_the_parameters_name(command: str) -> None:
    for dest, action in actions(command).items():
        if action.option_strings and dest not in OF_A_SHELL[command] | OTHER_FLAGS:
            plain = next((dest.removesuffix(unit) for unit in UNITS if dest.endswith(unit)), dest)
            assert "--" + plain.replace("_", "-") in action.option_strings


@pytest.mark.parametrize("command", OF_A_PROGRAM)
def test_both_have_the_same_defaults(command: str) -> None:
    expected = parameters(command)
    for dest, action in actions(command).items():
        if dest not in expected or expected[dest].default is inspect.Parameter.empty:
            continue
        given, default = action.default, expected[dest].default
        # What is not given is None or False in a parser, and a list for what may be repeated.
        assert given == default or (not given and not default), dest


def test_the_lists_of_exceptions_name_what_is_there() -> None:
    for command, names in OF_A_SHELL.items():
        assert names <= actions(command).keys()
    for command, names in OF_A_PROGRAM.items():
        assert names <= parameters(command).keys()
