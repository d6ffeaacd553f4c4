"""Depth of many images, computed by several runners at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from tfl_depth.encoding import DepthMm

if TYPE_CHECKING:
    from tfl_depth.runtime.runner import DepthRunner

# Images that each runner takes ahead, so that no runner waits for the caller.
AHEAD = 2


def infer_batch(
    runners: Sequence[DepthRunner], images: Iterable[Any], **options: Any
) -> Generator[DepthMm, None, None]:
    """Yield the depth of each image in order. Close the runners at the end.

    Args:
        runners: each computes one image at a time.
        images: are read only when they are needed.
        options: for `DepthRunner.infer`.
    """
    idle: SimpleQueue[DepthRunner] = SimpleQueue()

    def infer(image: Any) -> DepthMm:
        runner = idle.get()
        try:
            return runner.infer(image, **options)
        finally:
            idle.put(runner)

    with ExitStack() as stack:
        for runner in runners:
            idle.put(stack.enter_context(runner))
        pool = stack.enter_context(ThreadPoolExecutor(len(runners), "tfl-depth batch"))
        # Cancel waiting images before the pool waits for its threads.
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        begun: deque[Future[DepthMm]] = deque()
        for image in images:
            runners[0].expect_own_process()
            begun.append(pool.submit(infer, image))
            if len(begun) > AHEAD * len(runners):
                yield begun.popleft().result()
        while begun:
            runners[0].expect_own_process()
            yield begun.popleft().result()
