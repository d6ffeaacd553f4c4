"""Files that are whole or not there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Container, Mapping
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and rename it, so that nobody sees half of it."""
    write_together({path: content})


def write_together(files: Mapping[Path, bytes], *, secret: Container[Path] = ()) -> None:
    """As `write_whole` for files that belong together: none is renamed before all are written.

    Args:
        files: the content of each.
        secret: those that nobody but their owner may read.
    """
    written: dict[Path, Path] = {}
    try:
        for path, content in files.items():
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            written[path] = Path(name)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if path not in secret:  # which `mkstemp` makes them
                written[path].chmod(0o666 & ~_umask())
        for path, temporary in written.items():
            temporary.replace(path)
    except BaseException:
        for temporary in written.values():
            temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
