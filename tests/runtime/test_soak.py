"""Nothing grows: memory, file handles and threads after many frames. In full: `make soak`."""

from __future__ import annotations

import gc
import itertools
import os
import resource
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.length import length
from tfl_depth.runtime import DepthRunner, ImageError

Pixels = npt.NDArray[np.uint8]
INFERENCES = length(2000, 20_000)
OPENINGS = length(60, 500)
WARM_UP = 500
MIB = 2**20


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def handles() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - of which it opens one itself


def assert_nothing_grows(work: Callable[[int], object], times: int, warm_up: int) -> None:
    for number in range(warm_up):
        work(number)
    gc.collect()
    before = resident_bytes(), handles(), threading.active_count()
    for number in range(times):
        work(number)
    gc.collect()
    assert resident_bytes() - before[0] < MIB
    assert (handles(), threading.active_count()) == before[1:]


def pictures() -> list[Pixels]:
    random = np.random.default_rng(61)
    return [random.integers(0, 256, (*size, 3), np.uint8) for size in [(64, 96), (150, 210)]]


def test_frames_leave_nothing_behind(net: Path) -> None:
    images = pictures()
    with DepthRunner(net, num_threads=1) as runner:
        assert_nothing_grows(lambda k: runner.infer(images[k % 2]), INFERENCES, WARM_UP)


def test_bad_images_leave_nothing_behind(net: Path, photo: Pixels) -> None:
    bad = photo.astype(np.float32)

    def work(_number: int) -> None:
        with pytest.raises(ImageError):
            runner.infer(bad)  # type: ignore[arg-type]

    with DepthRunner(net, num_threads=1) as runner:
        assert_nothing_grows(work, INFERENCES, WARM_UP)


def test_opened_and_closed_runners_leave_nothing_behind(net: Path, photo: Pixels) -> None:
    def work(_number: int) -> None:
        with DepthRunner(net, num_threads=1) as runner:
            runner.infer(photo)

    assert_nothing_grows(work, OPENINGS, warm_up=60)


def test_streams_leave_nothing_behind(net: Path, photo: Pixels) -> None:
    """Ended, closed and left ones."""

    def work(number: int) -> None:
        frames = runner.stream(itertools.repeat(photo, 4))
        for _ in itertools.islice(frames, 2 + number % 3):
            pass
        if number % 2:
            frames.close()
        del frames
        while threading.active_count() > before:
            time.sleep(0.0005)

    with DepthRunner(net, num_threads=1) as runner:
        before = threading.active_count()
        assert_nothing_grows(work, OPENINGS, warm_up=60)
