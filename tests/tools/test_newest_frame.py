"""`tools/infer --serve`: the newest frame by HTTP and by a local socket."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.support import videos
from tfl_depth.runtime import DepthRunner, colorize
from tfl_depth.tools import infer
from tfl_depth.tools.lib.newest_frame import NewestFrame

ROOT = Path(__file__).resolve().parents[2]
CODE = "import sys; from tfl_depth.tools.infer import main; sys.exit(main())"
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def still(photo: npt.NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of a minute, of one picture, without loss: every frame is the same."""
    path = tmp_path_factory.mktemp("video") / "still.avi"
    videos.write(path, "FFV1", [photo] * 120, 2)
    return path


@contextmanager
def serving(*arguments: object) -> Iterator[str]:
    """The address that the command prints; afterwards Ctrl-C, which must end it."""
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = ""
    try:
        while not (found := re.search(r"^(\S+) has the newest frame", said, re.MULTILINE)):
            line = process.stderr.readline()
            assert line, said
            said += line
        yield found[1]
        process.send_signal(signal.SIGTERM)
        _out, said = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 128 + signal.SIGTERM, said
    assert "Traceback" not in said
    assert re.search(r"^\d+ frames sent to clients, \d+ dropped for slow ones$", said, re.MULTILINE)


def fetch(url: str, **headers: str) -> HTTPResponse:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - of this machine
    answer: HTTPResponse = urllib.request.urlopen(request, timeout=PATIENCE_S)  # noqa: S310
    return answer


def test_a_page_its_colors_and_the_millimeters(
    net: Path, still: Path, photo: npt.NDArray[np.uint8]
) -> None:
    with DepthRunner(net) as runner:
        depth_mm = runner.infer(photo)
        edges_m = runner.contract.edges_m
    with serving(net, still, "--serve", 0) as address:
        with fetch(address) as page:
            assert b"depth.mjpg" in page.read()
        with fetch(f"{address}depth.png") as answer:
            read = cv2.imdecode(np.frombuffer(answer.read(), np.uint8), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(np.asarray(read), depth_mm)
        with fetch(f"{address}depth.mjpg") as stream:
            assert "multipart/x-mixed-replace" in stream.headers["Content-Type"]
            for _ in range(2):
                head = b"".join(iter(stream.readline, b"\r\n"))
                (length,) = re.findall(rb"Content-Length: (\d+)", head)
                jpeg = stream.read(int(length))
                stream.read(2)
        shown = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), int)
        expected = colorize(depth_mm, round(1000 * edges_m[0]), round(1000 * edges_m[-1]))
        assert shown.shape == expected.shape and np.abs(shown - expected).mean() < 8
        for path, host, status in (("", "evil.example", 403), ("other", "localhost", 404)):
            with pytest.raises(urllib.error.HTTPError) as refused:
                fetch(f"{address}{path}", Host=host)
            assert refused.value.code == status
            refused.value.close()


def test_a_local_socket_has_raw_frames_for_this_user(
    net: Path, still: Path, photo: npt.NDArray[np.uint8], tmp_path: Path
) -> None:
    path = tmp_path / "depth.socket"
    with DepthRunner(net) as runner:
        depth_mm = runner.infer(photo)
    with serving(net, still, "--serve", f"unix:{path}"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE_S)
            client.connect(str(path))
            content = b""
            while len(content) < 2 * depth_mm.nbytes:
                content += client.recv(65536)
        found = np.frombuffer(content[: 2 * depth_mm.nbytes], "<u2").reshape(2, *depth_mm.shape)
        np.testing.assert_array_equal(found, [depth_mm, depth_mm])
    assert not path.exists()


def test_a_slow_client_gets_the_newest_frame_and_its_drops_are_counted() -> None:
    frames = NewestFrame()
    depths = [np.full((2, 2), number, np.uint16) for number in range(1, 6)]
    frames.put(depths[0])
    first = frames.after(0)
    assert first is not None and first[1] is depths[0]
    for depth_mm in depths[1:]:
        frames.put(depth_mm)
    newest = frames.after(first[0])
    assert newest is not None and newest[1] is depths[-1]
    assert (frames.sent, frames.dropped) == (2, 3)
    begin_s = time.monotonic()
    frames.put(None)
    assert frames.after(newest[0]) is None
    assert time.monotonic() - begin_s < PATIENCE_S


def test_photos_are_not_served(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert infer.main([str(net), str(tmp_path / "a.png"), "--serve", "0"]) == 1
    assert "Expected videos and cameras for --serve" in capsys.readouterr().err


def test_a_path_that_is_there_is_an_error(
    net: Path, still: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "there"
    path.write_text("mine")
    assert infer.main([str(net), str(still), "--serve", f"unix:{path}"]) == 1
    assert f"Cannot serve frames at unix:{path}" in capsys.readouterr().err
    assert path.read_text() == "mine"


@pytest.mark.parametrize("address", ["host:80", "70000", "unix:"])
def test_another_address_shows_the_usage(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        infer.main(["model.tflite", "camera:0", "--serve", address])
    assert stopped.value.code == 2
    assert "expected a port or unix:PATH" in capsys.readouterr().err
