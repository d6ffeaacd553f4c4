"""Files that are whole or not there."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tfl_depth.errors import OutputError


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file under another name and rename it, so that nobody sees half of it.

    Raises:
        OutputError: it cannot be written, as where the disk is full; an older one stays.
    """
    write_together({path: content})


def write_together(
    files: Mapping[Path, bytes | memoryview], *, secret: Container[Path] = ()
) -> None:
    """As `write_whole` for files that belong together: none is renamed before all are written.

    Args:
        files: the content of each.
        secret: those that nobody but their owner may read.
    """
    written: dict[Path, Path] = {}
    try:
        for path, content in files.items():
            with _named(path):
                handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
                written[path] = Path(name)
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                if path not in secret:  # which `mkstemp` makes them
                    written[path].chmod(0o666 & ~_umask())
        for path, temporary in written.items():
            with _named(path):
                temporary.replace(path)
    except BaseException:
        for temporary in written.values():
            temporary.unlink(missing_ok=True)
        raise


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """As `write_whole` for a file that others write: gives the name to write it under.

    Raises:
        OutputError: the file that was written cannot be renamed, or an `OSError` came in between.
    """
    temporary = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    try:
        with _named(path):
            yield temporary
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say of an error which file it was about: the system does not always."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OutputError(f"Cannot write {path}: {reason}.") from error


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
