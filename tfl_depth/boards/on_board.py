"""The program for a board without tfl-depth: sent as text, it needs only the standard library.

`BoardPython` starts it with a JSON text: the name of one of `OPERATIONS`, and its arguments. The
answer is one line of JSON. An error of the board's system is an answer too: {"error": ...}.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from typing import IO, Any

# For an import that tests a package; TensorFlow may take a minute.
IMPORT_LIMIT_S = 120
# Time for a program to end after its input has ended, and again after a signal.
GRACE_S = 3.0
TIMED_OUT = 124
_PART, _DAY_S = 2**20, 86400


def facts(
    folder: str,
    imported: list[str],
    named: list[str],
    interpreters: list[str],
) -> dict[str, Any]:
    """The facts about the board; see `board_facts.BoardFacts`."""
    folder = os.path.expanduser(folder)
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "machine": platform.machine(),
        "system": _os_release(),
        "kernel": platform.release(),
        "model": _text("/proc/device-tree/model").rstrip("\0"),
        "pip": importlib.util.find_spec("pip") is not None,
        "packages": {
            **{name: _imported(name) for name in imported},
            **{name: _named(name) for name in named},
        },
        "interpreter": _first_interpreter(interpreters),
        "folder": folder,
        "unwritable": _unwritable(folder),
    }


def lacking(folder: str, wanted: list[str]) -> dict[str, Any]:
    """Which contents are missing, and the free space."""
    missing = [digest for digest in wanted if not _holds(folder, digest)]
    return {"missing": missing, "free_bytes": _free_bytes(folder)}


def _os_release() -> str:
    for line in _text("/etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip("\"'")
    return ""


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _imported(name: str) -> dict[str, str] | None:
    """The version of a package, why it does not load, or None if it is missing."""
    try:
        if importlib.util.find_spec(name) is None:
            return None
    except ImportError:
        return None
    # Not from the current folder.
    code = "import sys; sys.path[:] = [each for each in sys.path if each]; "
    code += f"import {name}; print(getattr({name.partition('.')[0]}, '__version__', ''))"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=IMPORT_LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return {"version": "", "error": f"it hangs for {IMPORT_LIMIT_S} s"}
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return {"version": "", "error": said or f"it crashes, status {done.returncode}"}
    said = done.stdout.decode(errors="replace").strip().rpartition("\n")[2]
    return {"version": said or _version(name), "error": ""}


def _named(name: str) -> dict[str, str] | None:
    """Like `_imported` for a pure Python package, without an import."""
    there = importlib.util.find_spec(name) is not None
    return {"version": _version(name), "error": ""} if there else None


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name.partition(".")[0].replace("_", "-"))
    except importlib.metadata.PackageNotFoundError:
        return ""


def _first_interpreter(names: list[str]) -> dict[str, str] | None:
    """The first installed interpreter package, which the runtime uses."""
    for name in names:
        found = _imported(name)
        if found is not None:
            return {"name": name.partition(".")[0], **found}
    return None


def _unwritable(folder: str) -> str:
    """Make a folder, and return why it cannot be written; empty if it can."""
    if not os.path.isabs(folder):
        return "its user has no home folder"
    trial = os.path.join(folder, f".trial-{os.getpid()}")
    try:
        os.makedirs(folder, exist_ok=True)
        with open(trial, "wb"):
            pass
        os.unlink(trial)
    except OSError as error:
        # A full disk is reported by the free space.
        return "" if error.errno == errno.ENOSPC else str(error.strerror)
    return ""


def _free_bytes(folder: str) -> int | None:
    while not os.path.isdir(folder) and folder not in ("", "/"):
        folder = os.path.dirname(folder)
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _content(folder: str, digest: str) -> str:
    return os.path.join(folder, "content", digest)


def _holds(folder: str, digest: str) -> bool:
    """Whether a content is there and complete."""
    try:
        with open(_content(folder, digest), "rb") as file:
            return _digest_of(file) == digest
    except OSError:
        return False


def _digest_of(file: IO[bytes]) -> str:
    made = hashlib.sha256()
    for part in iter(lambda: file.read(_PART), b""):
        made.update(part)
    return made.hexdigest()


def receive(folder: str, digest: str, size: int) -> dict[str, str]:
    """Store `size` bytes of standard input under their digest."""
    path = _content(folder, digest)
    part = f"{path}.{os.getpid()}"
    made = hashlib.sha256()
    left = size
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(part, "wb") as file:
            while left:
                content = sys.stdin.buffer.read(min(left, _PART))
                if not content:
                    return {"error": f"the content ended {left} bytes early", "errno": "EPIPE"}
                left -= len(content)
                made.update(content)
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if made.hexdigest() != digest:
            return {"error": "the content changed during the transfer", "errno": "EBADMSG"}
        os.replace(part, path)
    finally:
        # The other side sends everything, even after an error here.
        while left and sys.stdin.buffer.read(min(left, _PART)):
            left = max(0, left - _PART)
        if os.path.exists(part):
            os.unlink(part)
    return {}


def unpack(folder: str, digest: str) -> dict[str, str]:
    """Unpack an archive of Python packages once, and return the folder to import from."""
    target = os.path.join(folder, "runtime", digest)
    if not os.path.isdir(target):
        part = f"{target}.{os.getpid()}"
        try:
            with zipfile.ZipFile(_content(folder, digest)) as archive:
                archive.extractall(part)  # noqa: S202 - of this package's own making
            try:
                os.rename(part, target)
            except OSError:
                if not os.path.isdir(target):  # by another command at the same time
                    raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return {"path": target}


def stage(folder: str, job: str, inputs: list[tuple[str, str]]) -> dict[str, str]:
    """Make a folder for one run with files named as on the PC, and return its path."""
    path = os.path.join(folder, "jobs", job)
    _forget(os.path.dirname(path))
    os.makedirs(os.path.join(path, "output"))
    for number, (name, digest) in enumerate(inputs):
        place = os.path.join(path, str(number))
        os.makedirs(place)
        source, target = _content(folder, digest), os.path.join(place, name)
        try:
            os.link(source, target)
        except OSError:  # a file system without hard links
            os.symlink(source, target)
    return {"path": path}


def _forget(jobs: str) -> None:
    """Delete files older than a day, which commands with a lost link left."""
    if os.path.isdir(jobs):
        for entry in os.scandir(jobs):
            if time.time() - entry.stat().st_mtime > _DAY_S:
                shutil.rmtree(entry.path, ignore_errors=True)


def discard(path: str) -> dict[str, str]:
    """Delete a folder of `stage`."""
    shutil.rmtree(path, ignore_errors=True)
    return {}


def pack(path: str) -> None:
    """Write the files of a folder to standard output, as a tar archive, without hidden ones."""
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        for name in sorted(os.listdir(path)):
            if os.path.isfile(os.path.join(path, name)) and not name.startswith("."):
                archive.add(os.path.join(path, name), arcname=name)


def run(command: list[str], folder: str, environment: dict[str, str], limit_s: float) -> None:
    """Run a program. End it at the limit, or at the end of this process's input (a lost link)."""
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        # Python imports from this folder first. It has no modules.
        cwd=folder,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    ended = threading.Event()
    threading.Thread(target=_relay, args=(_input_of(child), ended), daemon=True).start()
    until_s = time.monotonic() + limit_s
    while True:
        try:
            status = child.wait(0.1)
            break
        except subprocess.TimeoutExpired:
            if time.monotonic() > until_s:
                _end(child)
                os._exit(TIMED_OUT)
            if ended.is_set():
                until_s = min(until_s, time.monotonic() + GRACE_S)
                ended.clear()
    sys.stdout.flush()
    os._exit(status if status >= 0 else 128 - status)


def _input_of(child: subprocess.Popen[bytes]) -> IO[bytes]:
    assert child.stdin is not None  # noqa: S101 - it is a pipe
    return child.stdin


def _relay(target: IO[bytes], ended: threading.Event) -> None:
    """Copy standard input to a program until its end."""
    try:
        for part in iter(lambda: os.read(0, 65536), b""):
            target.write(part)
            target.flush()
        target.close()
    except OSError:
        pass
    ended.set()


def _end(child: subprocess.Popen[bytes]) -> None:
    for which in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, which)
            child.wait(GRACE_S)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


OPERATIONS: dict[str, Any] = {
    "facts": facts,
    "lacking": lacking,
    "receive": receive,
    "unpack": unpack,
    "stage": stage,
    "discard": discard,
    "pack": pack,
    "run": run,
}


def main() -> None:
    """Run the operation in the first argument."""
    asked = json.loads(sys.argv[1])
    try:
        answer = OPERATIONS[asked.pop("do")](**asked)
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "")
        answer = {"error": error.strerror or str(error), "errno": name}
    if answer is not None:
        print(json.dumps(answer))


if __name__ == "__main__":
    main()
