"""Keeping TensorFlow's native chatter from a tool's own words."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop what is printed meanwhile; exceptions pass, and say what went wrong.

    TensorFlow tells of absent GPUs when it is loaded, whatever its log level, and its converter
    of flags and of where intermediate files lie: partly from native code, which writes to the
    file descriptor of standard error itself.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as unheard, contextlib.redirect_stdout(io.StringIO()):
        heard = os.dup(2)
        os.dup2(unheard.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(heard, 2)
            os.close(heard)
