"""Checks of outputs before a command loads anything heavy."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

from tfl_depth.errors import OutputError


def expect_file_output(path: Path | None) -> None:
    """Check that a file can be written; None is allowed.

    Raises:
        OutputError: its folder is missing or not writable, or it is a folder itself.
    """
    if path is None:
        return
    if path.is_dir():
        raise OutputError(f"Expected a file as output, got the folder {path}.")
    if not path.parent.is_dir():
        raise OutputError(f"There is no folder {path.parent} for {path.name}: make it first.")
    _expect_writable(path.parent)


def expect_folder_output(path: Path | None) -> None:
    """Check that a folder exists or can be made; None is allowed.

    Raises:
        OutputError: the folder or one above it is a file or not writable.
    """
    if path is None:
        return
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    if not there.is_dir():
        raise OutputError(f"Expected a folder as output, got {path}: {there} is a file.")
    _expect_writable(there)


def expect_installed(*packages: str) -> None:
    """Check that packages for the end of a command are installed.

    Raises:
        ModuleNotFoundError: one is not installed.
    """
    for name in packages:
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def _expect_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"The folder {folder} cannot be written: choose another output.")
