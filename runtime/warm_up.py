"""The first inferences, in advance: many delegates compile the model during the first one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from tfl_depth.runtime.arguments import expect_count


@dataclass(frozen=True)
class WarmUp:
    """Times of the network, without resizing and postprocessing.

    Attributes:
        first_s: seconds of the first run. Some delegates compile earlier, when the model is opened.
        steady_s: median seconds of the later runs.
        runs: how many later runs there were.
    """

    first_s: float
    steady_s: float
    runs: int


def warm_up(run: Callable[[], None], runs: int) -> WarmUp:
    """Run a network once, then `runs` times, and measure the time of each run.

    Raises:
        DepthError: `runs` is less than 1.
    """
    runs = expect_count("runs", runs)
    first_s, *later_s = (_seconds(run) for _ in range(runs + 1))
    return WarmUp(first_s=first_s, steady_s=float(np.median(later_s)), runs=runs)


def _seconds(run: Callable[[], None]) -> float:
    begin_s = perf_counter()
    run()
    return perf_counter() - begin_s
