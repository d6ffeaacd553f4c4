"""Runs a command again and again, killed or out of space each time at another moment.

`causes` starts this file as a program, which loads the command once and then forks for each fault:
a process of its own, as only such a one can be killed.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# Events of Python's own (sys.addaudithook) by which files come, go and change their names.
STEPS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod")


@dataclass(frozen=True)
class Fault:
    """What befalls a run.

    Attributes:
        kill_at_step: kill it before this step of working with files in its folder, from 1.
        kill_at_share: kill it before this share of the steps of the first run, which has no fault.
        kill_at_byte: kill it where a file grows past so many bytes.
        full_at_byte: let no file grow past so many bytes, as on a full disk.
    """

    kill_at_step: int = 0
    kill_at_share: float | None = None
    kill_at_byte: int | None = None
    full_at_byte: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        folder: the copy of the folder that the command worked in.
        status: its exit status; below 0 the signal that killed it.
        steps: how many it had taken with files in its folder.
        error: what it wrote to standard error.
    """

    folder: Path
    status: int
    steps: int
    error: str

    @property
    def files(self) -> dict[str, bytes]:
        """Files by their names, without those that a killed process could not take away."""
        return {k: v for k, v in self.all_files.items() if not Path(k).name.startswith(".")}

    @property
    def all_files(self) -> dict[str, bytes]:
        """Files by their names."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }


def outcomes(
    function: str, arguments: Sequence[object], before: Path, work: Path, faults: Sequence[Fault]
) -> list[Outcome]:
    """Run a command once for each fault.

    Args:
        function: module:name of what takes arguments and returns an exit status.
        arguments: where FOLDER stands for the folder that it works in.
        before: what is in that folder at first.
        work: where the copies of that folder are made.
        faults: `Fault()` is none.
    """
    order = {
        "function": function,
        "arguments": list(map(str, arguments)),
        "before": str(before),
        "work": str(work),
        "faults": [asdict(fault) for fault in faults],
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.faults"],
        input=json.dumps(order),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        check=True,
        text=True,
    )
    return [Outcome(**{**each, "folder": Path(each["folder"])}) for each in json.loads(done.stdout)]


def _run_all(order: dict[str, Any]) -> list[Outcome]:
    module, name = order["function"].split(":")
    function = getattr(importlib.import_module(module), name)
    made: list[Outcome] = []
    for number, given in enumerate(order["faults"]):
        folder = Path(order["work"], str(number))
        shutil.copytree(order["before"], folder)
        arguments = [word.replace("FOLDER", str(folder)) for word in order["arguments"]]
        fault = Fault(**given)
        if fault.kill_at_share is not None:
            fault = replace(fault, kill_at_step=1 + int(fault.kill_at_share * made[0].steps))
        made.append(_run(function, arguments, folder, fault))
    return made


def _run(function: Any, arguments: list[str], folder: Path, fault: Fault) -> Outcome:
    # Pipes, whose size no limit concerns.
    (said, say), (counted, count) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        status = 99
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(say, 2)
            _prepare(folder, fault, count)
            status = function(arguments)
        finally:
            os._exit(status)
    os.close(say)
    os.close(count)
    error, steps = (_read_all(pipe) for pipe in (said, counted))
    _, ended = os.waitpid(child, 0)
    return Outcome(folder, os.waitstatus_to_exitcode(ended), len(steps), error.decode())


def _read_all(pipe: int) -> bytes:
    with os.fdopen(pipe, "rb") as file:
        return file.read()


def _prepare(folder: Path, fault: Fault, counter: int) -> None:
    at_byte = fault.kill_at_byte if fault.kill_at_byte is not None else fault.full_at_byte
    if fault.kill_at_byte is not None:
        # Python ignores what by itself ends a process like a kill: at once.
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if at_byte is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (at_byte, at_byte))
    steps = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal steps
        if event not in STEPS or not str(arguments[0]).startswith(str(folder)):
            return
        steps += 1
        if steps == fault.kill_at_step:
            os.kill(os.getpid(), signal.SIGKILL)
        os.write(counter, b".")

    sys.addaudithook(watch)


if __name__ == "__main__":
    order = json.load(sys.stdin)
    json.dump(
        [{**asdict(each), "folder": str(each.folder)} for each in _run_all(order)], sys.stdout
    )
