"""Threads: every depth is, bit by bit, what one thread alone computes. In full: `make soak`."""

from __future__ import annotations

import itertools
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
from tfl_depth.runtime import DepthRunner

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
