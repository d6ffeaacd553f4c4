"""`tfl-depth view` as a process of its own, and what a test asks it."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tests.support.built_models import MODELS, built_models
from tfl_depth.tools.view import IDLE_EVERY_S, IDLE_S

ROOT = Path(__file__).resolve().parents[2]
# A network of 256x256 pixels, by tests/support/make_models.py.
INT8 = MODELS / "ramp-10m-1m-split-int8.tflite"
FP32 = MODELS / "ramp-10m-1m-single-float32.tflite"
STOP_TIMEOUT_S = 20.0
RUN = """
import sys
from tfl_depth.tools import view
view.IDLE_S, view.IDLE_EVERY_S = {idle}
sys.exit(view.main())
"""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: HTTPMessage
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


@dataclass(frozen=True)
class Picture:
    """A picture as the page gets it."""

    facts: dict[str, Any]
    maps: list[npt.NDArray[np.generic]]
    photo: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Server:
    address: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        return int(self.address.rstrip("/").rpartition(":")[2])

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> Answer:
        """Ask for a path exactly as it is written; `Sec_Fetch_Site` is Sec-Fetch-Site."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=STOP_TIMEOUT_S)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def picture(self, path: str, method: str = "GET", body: bytes | None = None) -> Picture:
        answer = self.ask(path, method, body)
        assert answer.status == 200, answer.content
        return unpacked(answer.content)

    def number(self, name: str) -> int:
        """What the input of this name is asked for by."""
        (number,) = (each["id"] for each in self.ask("/api/inputs").json if each["name"] == name)
        return int(number)


def unpacked(content: bytes) -> Picture:
    """The reverse of `pack`, as static/api.js has it."""
    (length,) = struct.unpack_from("<I", content)
    facts = json.loads(content[4 : 4 + length])
    parts, offset = [], 4 + length
    for size in facts["parts"]:
        assert offset % 4 == 0
        parts.append(content[offset : offset + size])
        offset += -(-size // 4) * 4
    assert offset == len(content)
    if not parts:
        return Picture(facts, [], np.empty(0, np.uint8))
    shape = facts["height"], facts["width"]
    maps = [np.frombuffer(part, facts["dtype"]).reshape(shape) for part in parts[:-1]]
    photo = cv2.imdecode(np.frombuffer(parts[-1], np.uint8), cv2.IMREAD_COLOR)
    assert photo is not None
    return Picture(facts, maps, np.asarray(photo, np.uint8))


@contextmanager
def served(
    *arguments: object, idle: tuple[int, int] = (IDLE_S, IDLE_EVERY_S), **environment: str
) -> Iterator[Server]:
    """Run the command, which must stop at Ctrl-C with success and without a word of complaint.

    Args:
        arguments: of the command.
        idle: seconds after which idle connections are closed, and between checks for them.
        environment: of its process.
    """
    built_models()
    command = [sys.executable, "-c", RUN.format(idle=idle), *map(str, arguments)]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment},
            # Where the tests themselves run in the background it would be ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        assert process.stdout is not None
        with process:
            try:
                line = process.stdout.readline()
                assert line, _content(errors)
                yield Server(line.split()[0], process)
            finally:
                process.send_signal(signal.SIGINT)
                try:
                    status = process.wait(STOP_TIMEOUT_S)
                finally:
                    process.kill()  # which does nothing to one that has ended
        assert status == 0, _content(errors)
        # The decoders' native code may complain of broken files; Python must not.
        said = _content(errors)
        assert not re.search("Traceback|Warning|queue depth", said), said


def _content(file: Any) -> str:
    file.seek(0)
    return str(file.read())


def write_video(path: Path, frames: int, frames_per_second: float = 25) -> Path:
    """A video of 96x64 pixels that grows brighter."""
    fourcc = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(path), fourcc, frames_per_second, (96, 64))
    slope = np.linspace(0, 120, 96, dtype=np.uint8)
    for number in range(frames):
        gray = np.broadcast_to(slope + np.uint8(number * 100 // frames), (64, 96))
        writer.write(np.dstack([gray] * 3))
    writer.release()
    return path


def some_photo(seed: int = 1) -> npt.NDArray[np.uint8]:
    """BGR pixels (150, 210, 3), smooth and colorful."""
    coarse = np.random.default_rng(seed).integers(0, 256, (10, 14, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (210, 150), interpolation=cv2.INTER_CUBIC), np.uint8)
