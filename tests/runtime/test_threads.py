"""Threads: every depth is, bit by bit, what one thread alone computes. In full: `make soak`."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.length import length
from tfl_depth.encoding import DepthMm
from tfl_depth.runtime import DepthError, DepthRunner
from tfl_depth.runtime.engines import interpreter_engine
from tfl_depth.runtime.preprocess import write_input

Pixels = npt.NDArray[np.uint8]
THREADS = 8
INFERENCES = length(400, 10_000)


@pytest.fixture(scope="module", params=["net", "net-single"])
def model(request: pytest.FixtureRequest, models: Path) -> Path:
    return models / f"{request.param}.tflite"


@pytest.fixture(scope="module")
def images() -> list[Pixels]:
    """Of several sizes, so that the working memory changes hands, too."""
    random = np.random.default_rng(51)
    sizes = itertools.islice(itertools.cycle([(64, 96), (80, 70), (33, 120)]), 12)
    return [random.integers(0, 256, (*size, 3), np.uint8) for size in sizes]


@pytest.fixture(scope="module")
def expected(model: Path, images: list[Pixels]) -> list[DepthMm]:
    with DepthRunner(model) as runner:
        return [runner.infer(image) for image in images]


def in_threads(work: Callable[[int], Any]) -> None:
    """work(0) to work(INFERENCES - 1), in eight threads."""
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(work, range(INFERENCES)):
            pass


def test_threads_that_share_a_runner(
    model: Path, images: list[Pixels], expected: list[DepthMm]
) -> None:
    with DepthRunner(model) as runner:

        def work(number: int) -> None:
            k = number % len(images)
            np.testing.assert_array_equal(runner.infer(images[k]), expected[k])

        in_threads(work)


def test_runners_side_by_side(model: Path, images: list[Pixels], expected: list[DepthMm]) -> None:
    with ExitStack() as stack:
        runners = [stack.enter_context(DepthRunner(model, num_threads=1)) for _ in range(THREADS)]

        def work(number: int) -> None:
            k = number % len(images)
            depth_mm = runners[number % THREADS].infer(images[k])
            np.testing.assert_array_equal(depth_mm, expected[k])

        in_threads(work)


def test_threads_that_write_to_places_of_their_own(
    model: Path, images: list[Pixels], expected: list[DepthMm]
) -> None:
    with DepthRunner(model) as runner, ThreadPoolExecutor(THREADS) as pool:

        def work(first: int) -> Iterator[bool]:
            places = [np.empty_like(depth_mm) for depth_mm in expected]
            for number in range(first, INFERENCES, THREADS):
                k = number % len(images)
                runner.infer(images[k], out=places[k])
                yield np.array_equal(places[k], expected[k])

        assert all(pool.map(lambda first: all(work(first)), range(THREADS)))


def keep_views(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let another thread keep the input's view after it is written, as a sampling profiler does."""

    def kept(pixels: Any, channels: Any, view: Any) -> None:
        write_input(pixels, channels, view)
        views = [view]
        threading.Timer(seconds, views.clear).start()

    monkeypatch.setattr(interpreter_engine, "write_input", kept)


def test_view_that_a_profiler_keeps_for_a_moment_is_waited_for(
    net: Path, images: list[Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    with DepthRunner(net) as runner:
        expected = runner.infer(images[0])
        keep_views(monkeypatch, 0.1)
        np.testing.assert_array_equal(runner.infer(images[0]), expected)


def test_view_that_stays_is_an_error(
    net: Path, images: list[Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    with DepthRunner(net) as runner:
        runner.infer(images[0])
        keep_views(monkeypatch, 3)
        with pytest.raises(DepthError, match=r"failed at a frame: .*reference to internal data"):
            runner.infer(images[0])


def test_profiler_that_samples_all_threads_changes_nothing(net: Path, images: list[Pixels]) -> None:
    """As the one in each worker of Dask: it holds frames of other threads, and their variables."""
    ended = threading.Event()

    def sample() -> None:
        while not ended.is_set():
            frames = sys._current_frames()
            ended.wait(0.002)
            del frames

    with DepthRunner(net) as runner:
        expected = [runner.infer(image) for image in images]
        profiler = threading.Thread(target=sample)
        profiler.start()
        try:
            for _ in range(20):
                for image, depth_mm in zip(images, expected, strict=True):
                    np.testing.assert_array_equal(runner.infer(image), depth_mm)
        finally:
            ended.set()
            profiler.join()
