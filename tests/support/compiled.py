"""Compiles the tests' own delegate (tests/support/delegate)."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parent / "delegate"
WARNINGS = ("-std=gnu11", "-Wall", "-Wextra", "-Werror")


def compile_delegate(folder: Path) -> Path:
    """The library, written into `folder`; skips the test where there is no C compiler."""
    return compile_library(folder / "libtest_delegate.so", *sorted(SOURCES.glob("*.c")))


def compile_library(library: Path, *sources: Path) -> Path:
    """Compile C sources for the processor that runs this, which may be an emulated one."""
    machine = platform.machine()
    for gcc in filter(None, map(shutil.which, (f"{machine}-linux-gnu-gcc", "gcc"))):
        made_for = subprocess.run([gcc, "-dumpmachine"], capture_output=True, text=True, check=True)
        if made_for.stdout.startswith(machine):
            options = [*WARNINGS, "-O2", "-shared", "-fPIC", "-o", str(library)]
            subprocess.run([gcc, *options, *map(str, sources), "-lm"], check=True)
            return library
    pytest.skip(f"There is no gcc for {machine}, which compiles the delegate of this test.")
