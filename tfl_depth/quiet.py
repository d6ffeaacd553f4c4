"""Keeping what libraries print from a tool's own words: in a log, or nowhere."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

# The log of the command that runs; None outside `library_log`.
_log: IO[str] | None = None


class _LossyFile(io.FileIO):
    """Drops what a full disk does not take: a log ends no command."""

    def write(self, content: Any, /) -> int:
        try:
            return super().write(content)
        except OSError:
            return memoryview(content).nbytes


@contextlib.contextmanager
def library_log() -> Iterator[Path | None]:
    """Write what libraries print on standard error into a file, whose path is yielded.

    Native code (XNNPACK, OpenCV, CUDA) and processes that are started write to descriptor 2, which
    leads into the file. What Python prints on `sys.stderr` stays. The file is left to the caller.
    Where no temporary file can be made, as on a full disk, it is dropped, and None is yielded.
    """
    global _log
    try:
        handle, name = tempfile.mkstemp(prefix="tfl-depth-", suffix=".log")
    except OSError:
        handle, name = os.open(os.devnull, os.O_WRONLY), None
    before = _log
    lossy = io.BufferedWriter(_LossyFile(handle, "w"))
    with (
        io.TextIOWrapper(lossy, errors="backslashreplace") as log,
        _own_stderr(),
        _descriptor_2_is(log),
    ):
        _log = log
        try:
            yield None if name is None else Path(name)
        finally:
            _log = before


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what is printed meanwhile for the log, or drop it; exceptions pass.

    TensorFlow tells of absent GPUs when it is loaded, whatever its log level, and its converter
    of flags and of where intermediate files lie: partly from native code, which writes to the
    file descriptor of standard error itself.
    """
    sys.stderr.flush()
    with contextlib.ExitStack() as stack:
        # Commands in several threads may end in another order than they began, with a closed log.
        unheard = _log
        if unheard is None or unheard.closed:
            unheard = stack.enter_context(Path(os.devnull).open("w", errors="backslashreplace"))
        stack.enter_context(contextlib.redirect_stdout(unheard))
        stack.enter_context(_descriptor_2_is(unheard))
        yield


@contextlib.contextmanager
def _descriptor_2_is(file: IO[str]) -> Iterator[None]:
    heard = os.dup(2)
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(heard, 2)
        os.close(heard)


@contextlib.contextmanager
def _own_stderr() -> Iterator[None]:
    """Give Python's standard error a descriptor of its own, where it has descriptor 2."""
    if not _is_descriptor_2():
        yield
        return
    with os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace") as own:
        crashes = faulthandler.is_enabled()
        with contextlib.redirect_stderr(own):
            if crashes:
                faulthandler.enable(own)
            try:
                yield
            finally:
                if crashes:
                    faulthandler.enable(sys.__stderr__ or 2)


def _is_descriptor_2() -> bool:
    try:
        return sys.stderr.fileno() == 2
    except (AttributeError, OSError, ValueError):
        return False
