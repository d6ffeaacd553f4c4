"""What a board is and has.

Its text is sent to the board: see `on_board`.
"""

from __future__ import annotations

import errno
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
from typing import Any

# For an import that tests a package; TensorFlow may take a minute.
IMPORT_LIMIT_S = 120


def facts(
    folder: str,
    imported: list[str],
    named: list[str],
    interpreters: list[str],
) -> dict[str, Any]:
    """The facts about the board; see `board_facts.BoardFacts`."""
    folder = os.path.expanduser(folder)
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "machine": platform.machine(),
        "system": _os_release(),
        "kernel": platform.release(),
        "model": _text("/proc/device-tree/model").rstrip("\0"),
        "pip": importlib.util.find_spec("pip") is not None,
        "packages": {
            **{name: _imported(name) for name in imported},
            **{name: _named(name) for name in named},
        },
        "interpreter": _first_interpreter(interpreters),
        "folder": folder,
        "unwritable": _unwritable(folder),
    }


def _os_release() -> str:
    for line in _text("/etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip("\"'")
    return ""


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _imported(name: str) -> dict[str, str] | None:
    """The version of a package, why it does not load, or None if it is missing."""
    try:
        if importlib.util.find_spec(name) is None:
            return None
    except ImportError:
        return None
    # Not from the current folder.
    code = "import sys; sys.path[:] = [each for each in sys.path if each]; "
    code += f"import {name}; print(getattr({name.partition('.')[0]}, '__version__', ''))"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=IMPORT_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return {"version": "", "error": f"it hangs for {IMPORT_LIMIT_S} s"}
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return {"version": "", "error": said or f"it crashes, status {done.returncode}"}
    said = done.stdout.decode(errors="replace").strip().rpartition("\n")[2]
    return {"version": said or _version(name), "error": ""}


def _named(name: str) -> dict[str, str] | None:
    """Like `_imported` for a pure Python package, without an import."""
    there = importlib.util.find_spec(name) is not None
    return {"version": _version(name), "error": ""} if there else None


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name.partition(".")[0].replace("_", "-"))
    except importlib.metadata.PackageNotFoundError:
        return ""


def _first_interpreter(names: list[str]) -> dict[str, str] | None:
    """The first installed interpreter package, which the runtime uses."""
    for name in names:
        found = _imported(name)
        if found is not None:
            return {"name": name.partition(".")[0], **found}
    return None


def _unwritable(folder: str) -> str:
    """Make a folder, and return why it cannot be written; empty if it can."""
    if not os.path.isabs(folder):
        return "its user has no home folder"
    trial = os.path.join(folder, f".trial-{os.getpid()}")
    try:
        os.makedirs(folder, exist_ok=True)
        with open(trial, "wb"):
            pass
        os.unlink(trial)
    except OSError as error:
        # A full disk is reported by the free space.
        return "" if error.errno == errno.ENOSPC else str(error.strerror)
    return ""
