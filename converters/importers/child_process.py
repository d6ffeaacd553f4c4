"""A child process in another environment. It converts a network and runs its source."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import subprocess
import tempfile
import time
import weakref
from pathlib import Path
from typing import IO, Any, cast

from tfl_depth.errors import ConversionError

_CHILDREN = Path(__file__).parent / "children"
_READ = 1 << 16
# Time limit in seconds, for a network of gigabytes on a busy machine.
TIMEOUT_S = 1800.0


class ChildProcess:
    """Runs functions of a module of children/ in one process, one after the other.

    The process ends when this object is closed or deleted, and with the parent.
    """

    def __init__(self, python: Path, module: str) -> None:
        """Start the process.

        Args:
            python: of the environment.
            module: a name in children/, as "onnx".

        Raises:
            ConversionError: it cannot be started.
        """
        self._owner, self._python, self._module = os.getpid(), python, module
        # Not a TemporaryDirectory: a forked process would remove it at its own end.
        self.folder = Path(tempfile.mkdtemp(prefix="tfl-depth-"))
        self._errors = (self.folder / "stderr").open("w+b")
        self._process = self._start()
        self._requests = cast("IO[bytes]", self._process.stdin)
        self._answers = cast("IO[bytes]", self._process.stdout)
        self._received = b""
        self._end = weakref.finalize(
            self, _end, self._process, self._errors, self.folder, self._owner
        )

    def _start(self) -> subprocess.Popen[bytes]:
        # -I: ignore the current folder and the user's Python variables.
        command = [str(self._python), "-I", str(_CHILDREN / "main.py"), self._module]
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
        try:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **quiet},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
            )
        except OSError as error:
            self._errors.close()
            shutil.rmtree(self.folder, ignore_errors=True)
            raise ConversionError(f"Cannot start {self._python}: {error.strerror}.") from error

    def ask(self, what: str, *, doing: str, timeout_s: float = TIMEOUT_S, **arguments: Any) -> Any:
        """Call a function in the child, and return its result.

        Args:
            what: name of a function of the module.
            doing: the action for messages, such as "convert net.onnx".
            timeout_s: time limit in seconds.
            arguments: for the function; JSON values.

        Raises:
            ConversionError: the child refuses, fails, ends or takes too long; or this is a forked
                process.
        """
        if os.getpid() != self._owner:
            raise ConversionError(
                "The network was imported in another process. Import it after the fork, or use "
                "multiprocessing's spawn."
            )
        request = json.dumps({"do": what, "with": arguments}).encode() + b"\n"
        try:
            self._requests.write(request)
            self._requests.flush()
        except (OSError, ValueError) as error:
            raise ConversionError(self._death()) from error
        return self._result(json.loads(self._line(timeout_s)), doing)

    def _result(self, answer: dict[str, Any], doing: str) -> Any:
        if "result" in answer:
            return answer["result"]
        if "refused" in answer:
            raise ConversionError(answer["refused"])
        raise ConversionError(f"Cannot {doing}: {answer['error'] or self._last_words()}")

    def _line(self, timeout_s: float) -> bytes:
        stdout = self._answers
        end = time.monotonic() + timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while b"\n" not in self._received:
                if not selector.select(max(0.0, end - time.monotonic())):
                    self.close()
                    raise ConversionError(
                        f"The {self._module} process took more than {timeout_s:g} s and was killed."
                    )
                part = os.read(stdout.fileno(), _READ)
                if not part:
                    raise ConversionError(self._death())
                self._received += part
        line, _, self._received = self._received.partition(b"\n")
        return line

    def _death(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        status = self._process.returncode
        return f"The {self._module} process ended (status {status}): {self._last_words()}"

    def _last_words(self) -> str:
        """Return the last non-empty line on standard error."""
        if self._errors.closed:
            return "it is closed."
        self._errors.seek(0)
        text = self._errors.read().decode("utf-8", "replace").replace("\r", "\n")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return lines[-1][-500:] if lines else "it printed nothing."

    def close(self) -> None:
        """End the process, and remove its folder."""
        if os.getpid() == self._owner:
            self._end()


def _end(process: subprocess.Popen[bytes], errors: IO[bytes], folder: Path, owner: int) -> None:
    """End the process. A forked process does nothing."""
    if os.getpid() != owner:
        return
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, errors):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    shutil.rmtree(folder, ignore_errors=True)
