"""Depth of many images, computed by several runners at once."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from tfl_depth.encoding import DepthMm
from tfl_depth.errors import CameraError, ImageError, SkippedImageWarning
from tfl_depth.runtime.arguments import expect_count
from tfl_depth.runtime.inputs import photos_of

if TYPE_CHECKING:
    from tfl_depth.runtime.runner import DepthRunner

# Images that each runner takes ahead, so that no runner waits for the caller.
AHEAD = 2


def infer_batch(
    runners: Sequence[DepthRunner],
    images: Iterable[Any],
    *,
    skip_bad: bool = False,
    **options: Any,
) -> Generator[DepthMm | None, None, None]:
    """Yield the depth of each image in order. Close the runners at the end.

    Args:
        runners: each computes one image at a time.
        images: are read only when they are needed.
        skip_bad: yield None for an image that cannot be used, with a `SkippedImageWarning`.
        options: for `DepthRunner.infer`.
    """
    idle: SimpleQueue[DepthRunner] = SimpleQueue()

    def infer(image: Any) -> DepthMm | CameraError | ImageError:
        runner = idle.get()
        try:
            return runner.infer(image, **options)
        except (CameraError, ImageError) as error:
            if not skip_bad:
                raise
            return error
        finally:
            idle.put(runner)

    with ExitStack() as stack:
        for runner in runners:
            idle.put(stack.enter_context(runner))
        pool = stack.enter_context(ThreadPoolExecutor(len(runners), "tfl-depth batch"))
        # Cancel waiting images before the pool waits for its threads.
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        begun: deque[Future[DepthMm | CameraError | ImageError]] = deque()
        for image in images:
            runners[0].expect_own_process()
            begun.append(pool.submit(infer, image))
            if len(begun) > AHEAD * len(runners):
                yield _depth(begun.popleft().result())
        while begun:
            runners[0].expect_own_process()
            yield _depth(begun.popleft().result())


def batch_images(images: Any) -> Iterable[Any]:
    """The images of a batch: those of a folder or a pattern by its name.

    Raises:
        ImageError: it has none.
    """
    return photos_of(images) if isinstance(images, (str, os.PathLike)) else images


def runner_count(workers: int | None, delegate: str | None) -> int:
    """How many runners a batch has; see `DepthRunner.infer_batch`.

    Raises:
        DepthError: `workers` is not a whole number of at least 1.
    """
    if workers is not None:
        return expect_count("workers", workers)
    return len(os.sched_getaffinity(0)) if delegate is None else 1


def _depth(found: DepthMm | CameraError | ImageError) -> DepthMm | None:
    if isinstance(found, (CameraError, ImageError)):
        warnings.warn(f"Skipped: {found}", SkippedImageWarning, stacklevel=3)
        return None
    return found
