"""The first inferences, before anybody waits for them: many delegates compile during the first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from tfl_depth.runtime.arguments import expect_count


@dataclass(frozen=True)
class WarmUp:
    """How long the network took, without the resizing and the postprocessing of an image.

    Attributes:
        first_s: seconds of the first run. A delegate that compiles when it is opened rather than
            here has taken its time before.
        steady_s: median seconds of the later runs.
        runs: how many later runs there were.
    """

    first_s: float
    steady_s: float
    runs: int


def warm_up(run: Callable[[], None], runs: int) -> WarmUp:
    """Run a network once, and then `runs` times, and take the time of each.

    Raises:
        DepthError: `runs` is less than 1.
    """
    runs = expect_count("runs", runs)
    first_s, *later_s = (_seconds(run) for _ in range(runs + 1))
    return WarmUp(first_s=first_s, steady_s=median(later_s), runs=runs)


def _seconds(run: Callable[[], None]) -> float:
    begin_s = perf_counter()
    run()
    return perf_counter() - begin_s
