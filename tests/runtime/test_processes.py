"""Runners and streams where processes fork, are interrupted, or end without closing anything.

Each case is a program of its own, since forks, signals and ends belong to a whole process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.runtime.test_faults import is_running
from tests.support import videos
from tfl_depth.runtime import Video

ROOT = Path(__file__).resolve().parents[2]
# What no machine takes, however busy.
PATIENCE_S = 120.0
BEGIN = """
import itertools, os, signal, sys, threading, time
import numpy as np
from tfl_depth.runtime import DepthError, DepthRunner

net = sys.argv[1]
random = np.random.default_rng(3)
images = [random.integers(0, 256, (64, 96, 3), np.uint8) for _ in range(40)]
with DepthRunner(net) as usual:
    expected = [usual.infer(image) for image in images]


def refused(work):
    try:
        work()
    except DepthError as error:
        assert "is used in the forked process" in str(error), error
        return True
    return False


def forked(work):
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    return child


def status(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""


def run(code: str, net: Path, *, expected: int = 0, limit_s: float = PATIENCE_S) -> str:
    """What a program prints that must end with a status in time."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BEGIN + code, str(net)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=limit_s,
    )
    assert done.returncode == expected, done.stderr
    return done.stdout


def test_forked_process_gets_an_error_and_disturbs_nobody(net: Path) -> None:
    """Each of them gave the other one's pictures."""
    run(
        """
with DepthRunner(net, isolate=True) as runner:
    runner.infer(images[0])
    child = forked(lambda: all(refused(lambda: runner.infer(image)) for image in images))
    for image, depth_mm in zip(images, expected):
        np.testing.assert_array_equal(runner.infer(image), depth_mm)
    assert status(child) == 0
""",
        net,
    )


def test_everything_that_a_fork_breaks_says_so(net: Path) -> None:
    run(
        """
with DepthRunner(net) as runner:
    frames = runner.stream(itertools.repeat(images[0]))
    batch = runner.infer_batch(images, workers=1)
    next(frames), next(batch)
    child = forked(
        lambda: all(
            refused(work)
            for work in (
                lambda: runner.infer(images[0]),
                lambda: runner.warm_up(),
                lambda: runner.prove(),
                lambda: runner.stream([]),
                lambda: next(frames),
                lambda: next(batch),
            )
        )
    )
    assert status(child) == 0
    # To leave a `with` there, or the process, is no error.
    def leave():
        frames.close()
        runner.close()
        return True
    assert status(forked(leave)) == 0
    child = os.fork()
    if child == 0:
        sys.exit(0)
    assert status(child) == 0
    np.testing.assert_array_equal(next(frames).depth_mm, expected[0])
    frames.close()
    batch.close()
""",
        net,
    )


def test_close_does_not_wait_for_a_forked_process(net: Path) -> None:
    run(
        """
runner = DepthRunner(net, isolate=True)
worker = runner._engine.expect_open()._process
child = forked(lambda: time.sleep(60))
begin_s = time.monotonic()
runner.close()
took_s = time.monotonic() - begin_s
os.kill(child, signal.SIGKILL)
assert worker.returncode == 0 and took_s < 4, (worker.returncode, took_s)
""",
        net,
    )


ORPHANS = """
runner = DepthRunner(net, isolate=True)
child = forked(lambda: time.sleep(60))
print(runner._engine.expect_open()._process.pid, child, flush=True)
sys.stdin.read()
"""


def test_forked_process_keeps_no_worker_alive(net: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", BEGIN + ORPHANS, str(net)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        worker, child = map(int, process.stdout.readline().split())
        process.kill()
        try:
            end_s = time.monotonic() + 20
            while is_running(worker):
                assert time.monotonic() < end_s, "the worker is still there"
                time.sleep(0.01)
            assert is_running(child)
        finally:
            os.kill(child, signal.SIGKILL)


def test_several_consumers_share_a_stream_frame_by_frame(net: Path) -> None:
    run(
        """
many = [images[k % 40] for k in range(600)]
got, wrong = [], []

def consume(frames):
    for frame in frames:
        got.append(frame.number)
        if not np.array_equal(frame.depth_mm, expected[frame.number % 40]):
            wrong.append(frame.number)

sys.setswitchinterval(1e-5)
with DepthRunner(net, num_threads=1) as runner:
    frames = runner.stream(many)
    threads = [threading.Thread(target=consume, args=(frames,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
assert sorted(got) == list(range(600)) and not wrong, (len(got), wrong)
""",
        net,
    )


def test_several_consumers_share_a_video_frame_by_frame(net: Path, tmp_path: Path) -> None:
    """OpenCV ended the process."""
    videos.write(tmp_path / "clip.mp4", "mp4v", videos.pictures(60))
    code = f"""
from tfl_depth.runtime import Video

got, video = [], Video({str(tmp_path / "clip.mp4")!r})
threads = [threading.Thread(target=lambda: got.extend(video)) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
video.close()
assert len(got) == 60 and len({{frame.tobytes() for frame in got}}) == 60, len(got)
"""
    run(code, net)


LEFT = {
    "after a break": "for frame in runner.stream(itertools.repeat(images[0])): break",
    "never iterated": "frames = runner.stream(itertools.repeat(images[0]))",
}


@pytest.mark.parametrize("how", LEFT)
def test_program_ends_well_that_leaves_a_stream(how: str, net: Path) -> None:
    """Threads in native code ended it with "FATAL: exception not rethrown", at one end in a few."""
    code = f"runner = DepthRunner(net); time.sleep(0.01)\n{LEFT[how]}\n"
    for _ in range(4):
        run(code, net)


HANDLERS = {
    "infer": ("runner.close()", "while True: runner.infer(images[0])", "is closed"),
    "stream": (
        "frames.close()",
        "frames = runner.stream(itertools.repeat(images[0]))\nfor frame in frames: pass\n1 / 0",
        "division by zero",
    ),
    "closed under a stream": (
        "runner.close()",
        "for frame in runner.stream(itertools.repeat(images[0])): pass",
        "is closed",
    ),
    # The signal may come between two calls, where the handler's own call is none inside another:
    # then it comes again.
    "used twice": (
        "runner.infer(images[1]); signal.setitimer(signal.ITIMER_REAL, 0.02)",
        "while True: runner.infer(images[0])",
        "already",
    ),
}


@pytest.mark.parametrize("what", HANDLERS)
def test_signal_handler_that_closes_does_not_wait_for_itself(what: str, net: Path) -> None:
    handler, work, said = HANDLERS[what]
    code = f"""
runner = DepthRunner(net)
handled = []
def handle(*_):
    handled.append(0)
    begin_s = time.monotonic()
    {handler}
    assert time.monotonic() - begin_s < 4
signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.2)
try:
    exec({work!r})
except Exception as error:
    assert {said!r} in str(error), error
    assert handled
else:
    sys.exit("it went on")
"""
    run(code, net)


RECORDING = """
import cv2
from pathlib import Path
from tfl_depth.tools import infer
from tfl_depth.tools.lib import outputs

class Camera:
    def __init__(self, *_):
        pass
    def isOpened(self):
        return True
    def get(self, which):
        return -1.0
    def read(self):
        time.sleep(0.02)
        return True, images[0]
    def release(self):
        pass

class Recording(outputs._Mpeg4):
    def write(self, frame):
        super().write(frame)
        if self._written == 3:
            print("three", flush=True)

outputs._Mpeg4 = Recording
# Where the tests themselves ignore these signals, as in the background of a shell or under nohup.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
real = cv2.VideoCapture
cv2.VideoCapture = lambda source, *rest: (Camera if source == 0 else real)(source, *rest)
sys.exit(infer.main([net, "camera:0", "--output", OUTPUT]))
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_recording_of_a_camera_is_whole_however_it_is_ended(
    how: signal.Signals, net: Path, tmp_path: Path
) -> None:
    code = f"{BEGIN}OUTPUT = {str(tmp_path)!r}\n{RECORDING}"
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, str(net)], cwd=ROOT, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"three\n"
        process.send_signal(how)
        try:
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
    names = {path.name for path in tmp_path.iterdir()} - {".tfl-depth.json"}
    assert names == {"camera0_depth.mp4"}
    with Video(tmp_path / "camera0_depth.mp4") as video:
        assert len(list(video)) >= 1


def test_too_few_descriptors_are_an_error_and_none_is_lost(net: Path) -> None:
    run(
        """
import resource
from pathlib import Path

model = Path(net).read_bytes()
DepthRunner(model, isolate=True).close()  # everything is imported

def opened():
    return len(os.listdir("/proc/self/fd")) - 1

before, (soft, hard) = opened(), resource.getrlimit(resource.RLIMIT_NOFILE)
highest = max(map(int, os.listdir("/proc/self/fd")))
failed = 0
for more in range(8):
    fill = [os.dup(0) for _ in range(highest + 20 - before)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 20 + more, hard))
    try:
        DepthRunner(model, isolate=True).close()
    except DepthError as error:
        assert "open files" in str(error), error
        failed += 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for handle in fill:
        os.close(handle)
    assert opened() == before, (more, opened(), before)
assert failed >= 4, failed
""",
        net,
    )
