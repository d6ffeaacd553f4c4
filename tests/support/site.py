"""The documentation site, built once for all tests that look at it."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TextIO

import pytest

ROOT = Path(__file__).resolve().parents[2]


@cache
def built_site() -> Path:
    """The folder of the site, which the processes of pytest-xdist share."""
    pytest.importorskip("mkdocs", reason="needs MkDocs: pip install 'tfl-depth[docs]'")
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    folder = Path(tempfile.gettempdir()) / f"tfl-depth-site-{run}"
    using = folder.with_suffix(".using").open("w")
    fcntl.flock(using, fcntl.LOCK_SH)
    atexit.register(_leave, folder, using)
    with folder.with_suffix(".building").open("w") as building:
        fcntl.flock(building, fcntl.LOCK_EX)
        if not folder.exists():
            _build(folder)
    return folder


def _build(folder: Path) -> None:
    """Build in strict mode, in which a broken link is an error."""
    partial = folder.with_suffix(".partial")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(partial)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    partial.rename(folder)


def _leave(folder: Path, using: TextIO) -> None:
    """Remove the site if no other process of this run looks at it."""
    with using:
        try:
            fcntl.flock(using, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        for path in (folder, folder.with_suffix(".partial")):
            shutil.rmtree(path, ignore_errors=True)
        for suffix in (".building", ".using"):
            folder.with_suffix(suffix).unlink(missing_ok=True)
