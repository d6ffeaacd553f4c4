"""Writing of files that are complete or missing, never partial.

A file is written under a hidden name next to its own, and renamed. The hidden file is locked during
the write, so that the next run can find and remove the files of a killed run.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Container, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tfl_depth.errors import OutputError

# Short, since a name has at most 255 bytes, and outputs' names are almost as long.
HIDDEN = ".tfl-depth-"
# Errors of file systems that do not support locks, links or syncs.
_NO_SUCH_THING = {errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EPERM}
_PUBLIC, _SECRET = 0o666, 0o600
_cleared: set[Path] = set()


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file under another name and rename it, so that it is never seen incomplete.

    A symbolic link is followed. An older file's mode and owner are kept.

    Raises:
        OutputError: it cannot be written, for example because the disk is full. An older file is
            unchanged.
    """
    write_together({path: content})


def write_together(files: Mapping[Path, bytes | memoryview]) -> None:
    """Write files as `write_whole`, and rename them only after all are written."""
    with ExitStack() as stack:
        written = []
        for path, content in files.items():
            with _named(path):
                partial = stack.enter_context(_partial(path, _PUBLIC))
                partial.write(content)
                written.append((path, partial))
        for path, partial in written:
            with _named(path):
                partial.rename()


def create_together(files: Mapping[Path, bytes], *, secret: Container[Path] = ()) -> None:
    """Write new files, all or none. Of several writers at the same time, one succeeds.

    Args:
        files: the content of each.
        secret: files that only their owner may read.

    Raises:
        FileExistsError: one of them exists.
        OutputError: one cannot be written.
    """
    created: list[Path] = []
    try:
        for path, content in files.items():
            _create(path, content, _SECRET if path in secret else _PUBLIC)
            created.append(path)
    except BaseException:
        for path in created:
            path.unlink(missing_ok=True)
        raise


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a name under which another library writes a file, and rename it as `write_whole`.

    Raises:
        OutputError: the file cannot be renamed, or an `OSError` was raised inside the block.
    """
    with _named(path), _partial(path, _PUBLIC) as partial:
        yield partial.name
        partial.rename()


class _Partial:
    """A hidden file that replaces another file."""

    def __init__(
        self, name: Path, target: Path, handle: int, before: os.stat_result | None
    ) -> None:
        self.name, self._target, self._handle, self._before = name, target, handle, before

    def write(self, content: bytes | memoryview) -> None:
        with os.fdopen(os.dup(self._handle), "wb") as file:
            file.write(content)
            file.flush()
            with _unless_impossible():
                os.fsync(file.fileno())

    def rename(self) -> None:
        if self._before is not None:
            # Without the right to change the owner, or without modes in the file system, nothing
            # changes.
            with suppress(OSError):
                os.fchown(self._handle, self._before.st_uid, self._before.st_gid)
            with suppress(OSError):
                os.fchmod(self._handle, stat.S_IMODE(self._before.st_mode))
        self.name.replace(self._target)


@contextmanager
def _partial(path: Path, mode: int) -> Iterator[_Partial]:
    """Make a hidden file next to `path`, or next to its link's target. Remove it at the end."""
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    _clear(target.parent)
    before = target.stat() if target.exists() else None
    # Not readable for others if the old file is not.
    name, handle = _hidden(target, mode if before is None else before.st_mode & _PUBLIC | _SECRET)
    try:
        yield _Partial(name, target, handle, before)
    finally:
        name.unlink(missing_ok=True)
        os.close(handle)


def _hidden(target: Path, mode: int) -> tuple[Path, int]:
    """Create a locked file with its mode, without `chmod`, which some file systems lack."""
    while True:
        name = target.with_name(f"{HIDDEN}{secrets.token_hex(4)}{target.suffix}")
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        _lock(handle)
        if name.exists():  # not removed by `_clear` in between
            return name, handle
        os.close(handle)


def _create(path: Path, content: bytes, mode: int) -> None:
    with _named(path), _partial(path, mode) as partial:
        partial.write(content)
        try:
            os.link(partial.name, path)
        except OSError as error:
            if error.errno not in _NO_SUCH_THING:
                raise
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(handle, "wb") as file:
                file.write(content)


def _clear(folder: Path) -> None:
    """Remove the files of killed runs from a folder, once in a process."""
    if folder in _cleared:
        return
    _cleared.add(folder)
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(HIDDEN):
                _clear_file(entry.path)


def _clear_file(name: str) -> None:
    with suppress(OSError):
        handle = os.open(name, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if _lock(handle):
                os.unlink(name)  # noqa: PTH108 - of no Path
        finally:
            os.close(handle)


def _lock(handle: int) -> bool:
    """Whether a file is not locked; False also if the file system has no locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _unless_impossible() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_SUCH_THING:
            raise


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Add the file's name to an error."""
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OutputError(f"Cannot write {path}: {reason}.") from error
