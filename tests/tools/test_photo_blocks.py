"""`infer --jobs` and `--cluster`: the same files, whichever worker dies (make cluster-test)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import psutil  # type: ignore[import-untyped]
import pytest

from tfl_depth.tools import infer
from tfl_depth.tools.lib import photo_blocks

for _name in ("joblib", "ray", "distributed"):
    pytest.importorskip(_name, reason="make cluster-test installs it")

ROOT = Path(__file__).resolve().parents[2]
CODE = "import sys; from tfl_depth.tools.infer import main; sys.exit(main())"
PATIENCE_S = 240.0
PHOTOS = 600
ENVIRONMENT = {
    **{key: value for key, value in os.environ.items() if key != "PYTHONWARNINGS"},
    "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
}


@pytest.fixture(scope="module")
def photos(photo: npt.NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(PHOTOS):
        cv2.imwrite(str(folder / f"{number:04d}.png"), np.roll(photo, number, axis=1))
    return folder


@pytest.fixture(scope="module")
def expected(net: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("alone")
    assert infer.main([str(net), str(photos), "--output", str(folder), "--num-threads", "1"]) == 0
    return written(folder)


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def running(*words: object) -> Iterator[subprocess.Popen[bytes]]:
    """A program of Python, which is ended afterwards with all that it has started."""
    process = subprocess.Popen([sys.executable, *map(str, words)], env=ENVIRONMENT)
    try:
        yield process
    finally:
        if process.poll() is None:
            below = psutil.Process(process.pid).children(recursive=True)
            process.terminate()
            for each in psutil.wait_procs(below, timeout=20)[1]:
                each.kill()
        process.wait(timeout=20)


def wait_until(holds: Callable[[], object]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end_s, "it never came to that"
        time.sleep(0.02)


def started(net: Path, photos: Path, output: Path, *more: object) -> subprocess.Popen[str]:
    words = [net, photos, "--output", output, *more]
    return subprocess.Popen(
        [sys.executable, "-c", CODE, *map(str, words)],
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def begun(output: Path) -> bool:
    return any(output.glob("*_color.png"))


def test_killed_run_is_resumed(
    net: Path, photos: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    process = started(net, photos, tmp_path, "--jobs", 2)
    wait_until((tmp_path / ".tfl-depth.json").exists)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for each in workers:  # which would wait for work for minutes
        each.kill()
    process.communicate()
    out, err = started(net, photos, tmp_path, "--jobs", 2).communicate(timeout=PATIENCE_S)
    assert f"of {PHOTOS} photos were finished before." in out, err
    assert written(tmp_path) == expected


def test_block_of_a_killed_process_is_done_again(
    net: Path, photos: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    process = started(net, photos, tmp_path, "--jobs", 2)
    wait_until(lambda: begun(tmp_path))
    workers = psutil.Process(process.pid).children(recursive=True)
    next(each for each in workers if "LokyProcess" in " ".join(each.cmdline())).kill()
    _out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert "warning: A worker was lost" in err
    assert written(tmp_path) == expected


def test_ray_with_two_workers_of_which_one_is_killed(
    net: Path, photos: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    port, client = free_port(), free_port()
    head = ("start", "--head", "--block", "--num-cpus=2", "--include-dashboard=false")
    ports = (f"--port={port}", f"--ray-client-server-port={client}")
    with running("-m", "ray.scripts.scripts", *head, *ports) as cluster:
        wait_until(lambda: is_listening(client))
        process = started(net, photos, tmp_path, "--cluster", f"ray://127.0.0.1:{client}")
        wait_until(lambda: begun(tmp_path) or process.poll() is not None)
        workers = [each for each in psutil.Process(cluster.pid).children(recursive=True)
                   if each.name().startswith("ray::Pool")]  # fmt: skip
        assert len(workers) == 2
        workers[0].kill()
        _out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert "warning: A worker was lost" in err
    assert written(tmp_path) == expected


def test_dask_with_two_workers_of_which_one_is_killed(
    net: Path, photos: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    port = free_port()
    with ExitStack() as stack:
        scheduler = ("-m", "distributed.cli.dask_scheduler", "--port", port, "--no-dashboard")
        stack.enter_context(running(*scheduler, "--host", "127.0.0.1"))
        wait_until(lambda: is_listening(port))
        worker = ("-m", "distributed.cli.dask_worker", f"tcp://127.0.0.1:{port}", "--no-nanny")
        workers = [
            stack.enter_context(running(*worker, "--nthreads", 1, "--no-dashboard"))
            for _ in range(2)
        ]
        process = started(net, photos, tmp_path, "--cluster", f"dask://127.0.0.1:{port}")
        wait_until(lambda: begun(tmp_path) or process.poll() is not None)
        workers[0].kill()
        workers[0].wait()
        _out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, err
    assert written(tmp_path) == expected


def is_listening(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_bad_photo_is_named(
    net: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for name in ("0000.png", "0001.png"):
        (few / name).write_bytes((photos / name).read_bytes())
    (few / "bad.png").write_bytes(b"no image")
    call = [str(net), str(few), "--output", str(tmp_path / "depth"), "--jobs", "2"]
    assert infer.main([*call, "--skip-bad"]) == 1
    said = capsys.readouterr().err
    assert "bad.png" in said and "Skipped 1 of 3 photos" in said
    assert len(written(tmp_path / "depth")) == 4


def test_block_that_always_fails_is_an_error(
    net: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(photo_blocks, "infer_block", lambda _block: [][0])
    assert infer.main([str(net), str(photos), "--output", str(tmp_path), "--jobs", "1"]) == 1
    assert "3 attempts failed to compute photos: IndexError" in capsys.readouterr().err
