"""Environments of other frameworks, for the tests that `make frameworks-test` runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tfl_depth.converters.importers.environments import Environment, python_of
from tfl_depth.errors import ConversionError

VARIABLE = "TFL_DEPTH_FRAMEWORKS"


def framework_python(environment: Environment) -> Path:
    """A Python with the framework's packages; the test skips where that is not to be used."""
    if environment.name not in os.environ.get(VARIABLE, "").split():
        pytest.skip(f"{environment.title} are tested by make frameworks-test ({VARIABLE})")
    try:
        return python_of(environment)
    except ConversionError as error:
        pytest.skip(str(error))


def run_script(python: Path, script: Path, *arguments: object) -> None:
    """Run a script in a framework's environment; what it prints is shown where it fails."""
    command = [str(python), "-I", str(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stderr[-3000:]
