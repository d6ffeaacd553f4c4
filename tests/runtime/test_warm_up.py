"""Warming up: the first run is told apart from the later ones."""

from __future__ import annotations

from itertools import chain, repeat
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tfl_depth.runtime import DepthError, DepthRunner
from tfl_depth.runtime import warm_up as module
from tfl_depth.runtime.warm_up import WarmUp, warm_up


def test_the_first_run_and_the_median_of_the_later_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    # Begin and end of four runs: 60 s, 1 s, 9 s, 2 s.
    clock = iter([0.0, 60.0, 60.0, 61.0, 61.0, 70.0, 70.0, 72.0])
    monkeypatch.setattr(module, "perf_counter", lambda: next(clock))
    calls: list[None] = []
    assert warm_up(lambda: calls.append(None), 3) == WarmUp(first_s=60, steady_s=2, runs=3)
    assert len(calls) == 4


def test_a_runner_runs_its_network_and_stays_as_it_was(
    net: Path, photo: npt.NDArray[np.uint8]
) -> None:
    with DepthRunner(net) as runner:
        before = runner.infer(photo)
        warm = runner.warm_up(2)
        np.testing.assert_array_equal(runner.infer(photo), before)
    assert warm.runs == 2
    assert min(warm.first_s, warm.steady_s) > 0


def test_what_a_delegate_compiles_at_its_first_run_is_seen(
    net: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with DepthRunner(net) as runner:
        now = [0.0]
        runs = chain([120.0], repeat(0.01))
        engine = runner._engine.expect_open()
        invoke = engine.invoke

        def compile_first() -> float:
            took_s = next(runs)
            now[0] += took_s
            return invoke() + took_s

        monkeypatch.setattr(engine, "invoke", compile_first)
        monkeypatch.setattr(module, "perf_counter", lambda: now[0])
        warm = runner.warm_up()
    assert warm.first_s == pytest.approx(120)
    assert warm.steady_s == pytest.approx(0.01)


def test_no_runs_and_a_closed_runner_are_refused(net: Path) -> None:
    runner = DepthRunner(net)
    with pytest.raises(DepthError, match="`runs` to be at least 1, got 0"):
        runner.warm_up(0)
    runner.close()
    with pytest.raises(DepthError, match="closed"):
        runner.warm_up()
