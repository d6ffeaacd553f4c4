"""The folders on a board in which commands run.

Its text is sent to the board: see `on_board`.
"""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
import time

_DAY_S = 86400


def stage(folder: str, job: str, inputs: list[tuple[str, str]]) -> dict[str, str]:
    """Make a folder for one run with files named as on the PC, and return its path."""
    path = os.path.join(folder, "jobs", job)
    _forget(os.path.dirname(path))
    os.makedirs(os.path.join(path, "output"))
    for number, (name, digest) in enumerate(inputs):
        place = os.path.join(path, str(number))
        os.makedirs(place)
        source, target = os.path.join(folder, "content", digest), os.path.join(place, name)
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
