"""C programs that use tfl_depth.h, compiled with every warning and the sanitizers, and run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tfl_depth.format.c_table import DECODER_HEADER

STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-O1")
SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
COMPILERS = [
    pytest.param(
        name, marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"there is no {name}")
    )
    for name in ("gcc", "clang")
]


def compile_c(compiler: str, folder: Path, source: str, *options: str) -> Path:
    """Compile a program; its folder may hold headers."""
    file, program = folder / "program.c", folder / "program"
    file.write_text(source)
    include = ("-I", str(folder), "-I", str(DECODER_HEADER.parent))
    command = (compiler, *STRICT, *(options or SANITIZED), *include, str(file), "-o", str(program))
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return program


def run_c(program: Path) -> bytes:
    """What a program that must succeed writes to standard output."""
    done = subprocess.run([program], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
