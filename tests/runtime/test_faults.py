"""Delegates that fail, at the start and in mid-stream: caused by the tests' own delegate.

Crashes and hangs need a process of their own; what Python can see is the same without one.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tfl_depth.encoding import DepthMm
from tfl_depth.runtime import (
    ContractError,
    DelegateError,
    DelegateRequiredError,
    DepthError,
    DepthRunner,
    FallbackWarning,
    SelfCheckError,
)
from tfl_depth.runtime.engines import subprocess_engine
from tfl_depth.runtime.engines.ipc import MessageChannel
from tfl_depth.runtime.engines.subprocess_engine import SubprocessEngine

Pixels = npt.NDArray[np.uint8]
FRAMES, FAILING = 8, 4
# What no machine takes, however busy; and how long a hang is waited for, where the frames before it
# must come within that time.
PATIENCE_S, HANG_S = 120.0, 3.0

CRASH = r"crashed: SIGSEGV \(Segmentation fault\) ended its process"
EXIT = "ended its process, with exit status 3"
HANG = r"gave no answer in 3\.0 s, and was killed"
# What the delegate does wrong, whether in a process of its own, and what is said of it.
AT_A_FRAME: list[tuple[dict[str, Any], bool, str]] = [
    ({"fault": "error"}, False, "failed at a frame: .*fails at call 5"),
    ({"fault": "error"}, True, "failed at a frame: .*fails at call 5"),
    ({"fault": "garbage"}, False, "contradict each other"),
    ({"fault": "garbage"}, True, "contradict each other"),
    ({"fault": "crash"}, True, CRASH),
    ({"fault": "exit"}, True, EXIT),
    ({"fault": "hang"}, True, HANG),
]
IDS = [f"{options['fault']}{'-isolated' * isolate}" for options, isolate, _ in AT_A_FRAME]


@pytest.fixture(scope="module")
def images() -> list[Pixels]:
    random = np.random.default_rng(71)
    return [random.integers(0, 256, (40 + 5 * k, 90, 3), np.uint8) for k in range(FRAMES)]


@pytest.fixture(scope="module")
def expected(net: Path, images: list[Pixels]) -> list[DepthMm]:
    """What TensorFlow Lite's own kernels give, and the delegate as long as it works."""
    with DepthRunner(net, xnnpack=False) as runner:
        return [runner.infer(image) for image in images]


@pytest.fixture
def opened(net: Path, library: str) -> Iterator[Callable[..., DepthRunner]]:
    """Opens runners on a delegate that takes everything; no worker process outlives the test."""
    runners: list[DepthRunner] = []
    processes: list[subprocess.Popen[bytes]] = []

    def open_one(fault: dict[str, Any], **options: Any) -> DepthRunner:
        given = {
            "delegate": library,
            "delegate_options": {"take": "CONV_2D,MAX_POOL_2D", **fault},
            "xnnpack": False,
            "timeout_s": HANG_S if fault.get("fault") == "hang" else PATIENCE_S,
            "start_timeout_s": PATIENCE_S,
            **options,
        }
        runners.append(DepthRunner(net, **given))
        engine = runners[-1]._engine.expect_open()
        if isinstance(engine, SubprocessEngine):
            processes.append(engine._process)
        return runners[-1]

    yield open_one
    for runner in runners:
        runner.close()
    assert all(process.poll() is not None for process in processes)


@pytest.mark.parametrize(("fault", "isolate", "said"), AT_A_FRAME, ids=IDS)
def test_stream_stops_with_the_error_at_the_frame_that_failed(
    fault: dict[str, Any],
    isolate: bool,
    said: str,
    opened: Callable[..., DepthRunner],
    images: list[Pixels],
    expected: list[DepthMm],
) -> None:
    runner = opened({**fault, "at": FAILING + 1}, isolate=isolate)
    frames = runner.stream(images)
    for depth_mm in expected[:FAILING]:
        np.testing.assert_array_equal(next(frames).depth_mm, depth_mm)
    with pytest.raises((DelegateError, SelfCheckError), match=said):
        next(frames)
    assert list(frames) == []


@pytest.mark.parametrize(("fault", "isolate", "said"), AT_A_FRAME, ids=IDS)
def test_stream_goes_on_on_the_cpu_from_the_frame_that_failed(
    fault: dict[str, Any],
    isolate: bool,
    said: str,
    opened: Callable[..., DepthRunner],
    images: list[Pixels],
    expected: list[DepthMm],
) -> None:
    """Frames that the delegate had computed behind that one come from the CPU as well."""
    runner = opened({**fault, "at": FAILING + 1}, isolate=isolate, on_fault="cpu")
    with pytest.warns(FallbackWarning, match=f"{said}.*The CPU continues") as warned:
        frames = list(runner.stream(images))
    assert len(warned) == 1
    assert [frame.number for frame in frames] == list(range(FRAMES))
    for frame, depth_mm in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(frame.depth_mm, depth_mm)
    fallbacks = [frame.fallback for frame in frames]
    assert fallbacks[:FAILING] == [None] * FAILING
    assert fallbacks[FAILING:] == [str(warned[0].message)] * (FRAMES - FAILING)
    assert (runner.delegate_coverage.delegate, runner.delegate_coverage.taken) == (None, 0)


@pytest.mark.parametrize(("fault", "isolate", "said"), AT_A_FRAME, ids=IDS)
def test_infer_goes_on_on_the_cpu(
    fault: dict[str, Any],
    isolate: bool,
    said: str,
    opened: Callable[..., DepthRunner],
    images: list[Pixels],
    expected: list[DepthMm],
) -> None:
    runner = opened({**fault, "at": 2}, isolate=isolate, on_fault="cpu")
    assert runner.measure(images[0]).fallback is None
    with pytest.warns(FallbackWarning, match=said.replace("call 5", "call 2")):
        measured = runner.measure(images[1])
    assert measured.fallback is not None and "The CPU continues" in measured.fallback
    np.testing.assert_array_equal(measured.depth_mm, expected[1])
    np.testing.assert_array_equal(runner.infer(images[2]), expected[2])


AT_THE_START = {
    "null": "does not start",
    "error-at-prepare": "cannot run this model",
    "crash-at-creation": CRASH,
    "hang-at-creation": HANG,
}


def start_timeout_s(fault: str) -> float:
    return HANG_S if fault.startswith("hang") else PATIENCE_S


@pytest.mark.parametrize("fault", AT_THE_START)
def test_isolated_delegate_that_fails_at_its_start_is_an_error(
    fault: str, opened: Callable[..., DepthRunner]
) -> None:
    with pytest.raises(DelegateError, match=AT_THE_START[fault]):
        opened({"fault": fault}, isolate=True, start_timeout_s=start_timeout_s(fault))


@pytest.mark.parametrize("fault", AT_THE_START)
def test_the_cpu_runs_what_fails_at_its_start(
    fault: str,
    opened: Callable[..., DepthRunner],
    images: list[Pixels],
    expected: list[DepthMm],
) -> None:
    with pytest.warns(FallbackWarning, match=f"{AT_THE_START[fault]}.*The CPU runs"):
        runner = opened(
            {"fault": fault},
            isolate=True,
            on_fault="cpu",
            start_timeout_s=start_timeout_s(fault),
        )
    for frame, depth_mm in zip(runner.stream(images), expected, strict=True):
        np.testing.assert_array_equal(frame.depth_mm, depth_mm)
        assert frame.fallback is not None and "The CPU runs" in frame.fallback


@pytest.mark.parametrize(("fault", "said"), [("crash", CRASH), ("hang", HANG)])
def test_first_frame_has_the_starts_time(
    fault: str, said: str, opened: Callable[..., DepthRunner], images: list[Pixels]
) -> None:
    """Many delegates compile the model then."""
    limits: dict[str, Any] = {"timeout_s": 0.1, "start_timeout_s": start_timeout_s(fault)}
    with pytest.raises(DelegateError, match=said):
        # A busy machine may be as late with the opening, and that says the same.
        opened({"fault": fault}, isolate=True, **limits).infer(images[0])


def test_slow_delegate_is_no_fault_until_its_time_is_over(
    opened: Callable[..., DepthRunner], images: list[Pixels], expected: list[DepthMm]
) -> None:
    patient = opened({"delay_ms": 400}, isolate=True)
    for image, depth_mm in zip(images[:3], expected[:3], strict=True):
        np.testing.assert_array_equal(patient.infer(image), depth_mm)
    hasty = opened({"delay_ms": 400}, isolate=True, timeout_s=0.1)
    hasty.infer(images[0])
    with pytest.raises(DelegateError, match=r"gave no answer in 0\.1 s"):
        hasty.infer(images[1])


def test_runner_whose_delegate_died_says_so_again(
    opened: Callable[..., DepthRunner], images: list[Pixels]
) -> None:
    runner = opened({"fault": "crash"}, isolate=True)
    for _ in range(3):
        with pytest.raises(DelegateError, match=CRASH):
            runner.infer(images[0])


def test_interrupted_frame_is_not_taken_for_the_next_one(
    opened: Callable[..., DepthRunner], images: list[Pixels]
) -> None:
    """Ctrl-C while a delegate hangs: the late answer would be that of another picture."""

    def interrupt(_number: int, frame: FrameType | None) -> None:
        assert frame is not None
        if frame.f_code is MessageChannel._exactly.__code__:  # while it waits for the answer
            raise KeyboardInterrupt

    runner = opened({"fault": "hang"}, isolate=True, start_timeout_s=PATIENCE_S)
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt):
            runner.infer(images[0])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(DelegateError, match="SIGKILL"):
        runner.infer(images[1])


def test_worker_that_does_not_end_is_killed(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess_engine, "END_S", 0.2)
    runner = DepthRunner(net, isolate=True)
    engine = runner._engine.expect_open()
    assert isinstance(engine, SubprocessEngine)
    process = engine._process
    process.send_signal(signal.SIGSTOP)
    runner.close()
    assert process.wait(PATIENCE_S) == -signal.SIGKILL


def test_one_fault_of_many_threads_is_one_change_to_the_cpu(
    opened: Callable[..., DepthRunner], images: list[Pixels], expected: list[DepthMm]
) -> None:
    """Two streams and calls share a runner whose delegate begins to give garbage."""
    runner = opened({"fault": "garbage", "at": 9}, on_fault="cpu")
    with pytest.warns(FallbackWarning) as warned:
        one, other = runner.stream(images), runner.stream(images)
        for k, (here, there) in enumerate(zip(one, other, strict=True)):
            np.testing.assert_array_equal(here.depth_mm, expected[k])
            np.testing.assert_array_equal(there.depth_mm, expected[k])
            np.testing.assert_array_equal(runner.infer(images[k]), expected[k])
    assert len(warned) == 1


def test_batch_goes_on_on_the_cpu(
    opened: Callable[..., DepthRunner], images: list[Pixels], expected: list[DepthMm]
) -> None:
    """Each worker on its own, at its third frame."""
    runner = opened({"fault": "crash", "at": 3}, isolate=True, on_fault="cpu")
    with pytest.warns(FallbackWarning, match=CRASH) as warned:
        found = list(runner.infer_batch(images, workers=2))
    assert 1 <= len(warned) <= 2
    for depth_mm, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(depth_mm, wanted)


def test_workers_leave_nothing_behind(net: Path, library: str, images: list[Pixels]) -> None:
    """Neither those that were closed nor those that crashed."""

    def work(fault: dict[str, str]) -> None:
        options = {"take": "CONV_2D,MAX_POOL_2D", **fault}
        with DepthRunner(net, delegate=library, delegate_options=options, isolate=True) as runner:
            runner.infer(images[0])

    def handles() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - of which it opens one itself

    before = handles()
    work({})
    for fault in ("crash", "crash-at-creation"):
        with pytest.raises(DelegateError, match=CRASH):
            work({"fault": fault})
    assert handles() == before


@pytest.mark.parametrize("file", ["net", "net-single", "ramp-10m-1m-split-float32"])
@pytest.mark.parametrize("gray", [False, True])
def test_isolated_cpu_gives_the_same_depth(
    file: str, gray: bool, models: Path, photo: Pixels
) -> None:
    image = photo[..., 1] if gray else photo
    with (
        DepthRunner(models / f"{file}.tflite") as usual,
        DepthRunner(models / f"{file}.tflite", isolate=True) as isolated,
    ):
        assert isolated.delegate_coverage == usual.delegate_coverage
        for size in ("image", "model"):
            found = isolated.measure(image, size=size, channels="rgb")
            wanted = usual.measure(image, size=size, channels="rgb")
            np.testing.assert_array_equal(found.depth_mm, wanted.depth_mm)
            assert found.disagreement == wanted.disagreement
        assert min(found.prepare_s, found.invoke_s, found.postprocess_s) > 0


def test_isolated_model_that_is_refused_says_why(models: Path) -> None:
    with pytest.raises(ContractError, match="has no signature"):
        DepthRunner(models / "net-no-signature.tflite", isolate=True)


def test_compiled_model_goes_on_with_the_portable_one(
    models: Path, net: Path, library: str, photo: Pixels
) -> None:
    """The test's delegate takes the NPU's operator and cannot compute it, and says so at once."""
    given: dict[str, Any] = {
        "delegate": library,
        "delegate_options": {"take": "ethos-u", "fault": "error"},
        "on_fault": "cpu",
    }
    compiled = models / "net-vela.tflite"
    with pytest.raises(DelegateRequiredError, match="portable model as `fallback_model`"):
        DepthRunner(compiled, **given)
    with DepthRunner(compiled, fallback_model=net, **given) as runner, DepthRunner(net) as usual:
        assert runner.delegate_coverage.taken == runner.delegate_coverage.expected == 1
        with pytest.warns(FallbackWarning, match="failed at a frame"):
            depth_mm = runner.infer(photo)
        np.testing.assert_array_equal(depth_mm, usual.infer(photo))
        assert runner.delegate_coverage == usual.delegate_coverage


@pytest.mark.parametrize(
    ("file", "said"),
    [("net-single", "model's head, split, got single"), ("ramp-10m-1m-split-int8", "height, 64")],
)
def test_fallback_model_of_another_network_is_refused(
    file: str, said: str, models: Path, net: Path, library: str
) -> None:
    given: dict[str, Any] = {"delegate_options": {"take": "CONV_2D,MAX_POOL_2D"}, "on_fault": "cpu"}
    with pytest.raises(ContractError, match=said):
        DepthRunner(net, delegate=library, fallback_model=models / f"{file}.tflite", **given)


@pytest.mark.parametrize("name", ["timeout_s", "start_timeout_s"])
def test_no_time_at_all_is_refused(name: str, net: Path) -> None:
    options: dict[str, Any] = {name: 0}
    with pytest.raises(DepthError, match=f"`{name}` to be above 0, got 0"):
        DepthRunner(net, isolate=True, **options)


ORPHAN = """
import sys, numpy
from tfl_depth.runtime import DepthRunner
runner = DepthRunner(sys.argv[1], isolate=True)
print(runner._engine.expect_open()._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_worker_ends_with_the_process_that_needs_it(how: signal.Signals, net: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ORPHAN, str(net)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        os.kill(process.pid, how)
        end_s = time.monotonic() + PATIENCE_S
        while is_running(worker):
            assert time.monotonic() < end_s, "the worker is still there"
            time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Whether it is there, and no zombie that its new parent has not noticed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
