"""Compiles the tests' own delegate (tests/delegate)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parent / "delegate"
WARNINGS = ("-std=gnu11", "-Wall", "-Wextra", "-Werror")


def compile_delegate(folder: Path) -> Path:
    """The library, written into `folder`; skips the test where there is no C compiler."""
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("There is no gcc, which compiles the delegate that this test causes faults in.")
    library = folder / "libtest_delegate.so"
    sources = map(str, sorted(SOURCES.glob("*.c")))
    subprocess.run(
        [gcc, *WARNINGS, "-O2", "-shared", "-fPIC", "-o", str(library), *sources, "-lm"], check=True
    )
    return library
