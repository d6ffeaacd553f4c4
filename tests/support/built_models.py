"""The small models that tests open: made by the first test that asks, where they are missing."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "build" / "test-models"


def built_models() -> Path:
    """The folder that tests/support/make_models.py writes: some 20 s of processor time, once."""
    MODELS.parent.mkdir(exist_ok=True)
    with (MODELS.parent / ".test-models.lock").open("w") as lock:
        # The other processes of pytest-xdist wait for the one that makes them.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (MODELS / ".complete").exists():
            _make()
    return MODELS


def _make() -> None:
    command = [sys.executable, "-W", "default", "-m", "tests.support.make_models", str(MODELS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.fail(
            f"The test models cannot be made with this Python: {done.stderr.splitlines()[-1:]}. "
            "Make them with that of make setup: make build/test-models/.complete",
            pytrace=False,
        )
