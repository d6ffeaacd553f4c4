"""Measure whether heat slows a network: inferences without a pause, with their times."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from tfl_depth.boards.sensors import Sensors, read_sensors
from tfl_depth.runtime import DepthRunner
from tfl_depth.tools.lib.benchmark_cases import picture

# Number of equal parts of the time. Their medians are compared.
PARTS = 20
# A network slows if the median of a later part is above this multiple of the first part's.
SLOWER = 1.05


def measure_heat(model: Path, settings: Mapping[str, Any], length_s: float) -> dict[str, Any]:
    """Run a network for a length of time.

    Args:
        model: a .tflite of tfl-depth convert.
        settings: arguments of `DepthRunner`.
        length_s: seconds, above 0.

    Returns:
        "ms": percentiles of one inference, "parts": the median of each part of the time and the
        sensors at its end, "slowdown": the ratio of the slowest later median to the first one, and
        "slowed": whether the ratio is above 1.05.
    """
    with DepthRunner(model, **settings) as runner:
        runner.warm_up()
        parts = [*_parts(runner, length_s)]
    times_ms = [time_ms for part, _ in parts for time_ms in part]
    medians_ms = [statistics.median(part) for part, _ in parts]
    slowdown = max(medians_ms[1:], default=medians_ms[0]) / medians_ms[0]
    return {
        "seconds": length_s,
        "inferences": len(times_ms),
        "ms": {f"p{each}": float(np.percentile(times_ms, each)) for each in (50, 95, 99, 100)},
        "parts": [
            {"median_ms": median_ms, **asdict(sensors)}
            for median_ms, (_, sensors) in zip(medians_ms, parts, strict=True)
        ],
        "slowdown": slowdown,
        "slowed": slowdown > SLOWER,
    }


def _parts(runner: DepthRunner, length_s: float) -> Iterator[tuple[list[float], Sensors]]:
    """Times of each part in milliseconds, at least one in each, and the sensors at its end."""
    pixels = picture(runner.model_size)
    depth_mm = np.empty(pixels.shape[:2], runner.depth_dtype)
    begin_s = monotonic()
    for number in range(1, PARTS + 1):
        until_s = begin_s + length_s * number / PARTS
        times_ms: list[float] = []
        while not times_ms or monotonic() < until_s:
            times_ms.append(1000 * runner.measure(pixels, out=depth_mm).invoke_s)
        yield times_ms, read_sensors()


def heat_lines(heat: Mapping[str, Any] | None) -> list[str]:
    """The result as lines of text; none if it was not measured."""
    if heat is None:
        return []
    times = "  ".join(f"{name} {value:.3f}" for name, value in heat["ms"].items())
    verdict = "it slows" if heat["slowed"] else "it does not slow"
    return [
        f"without a pause for {heat['seconds'] / 60:g} minutes: {verdict}, "
        f"{heat['slowdown'] - 1:+.1%} at worst",
        f"{heat['inferences']} inferences, milliseconds: {times}",
        _temperatures(heat["parts"]),
    ]


def _temperatures(parts: Sequence[Mapping[str, Any]]) -> str:
    hottest = [max(part["temperature_c"].values(), default=math.nan) for part in parts]
    if math.isnan(hottest[0]):
        return "the board reports no temperature"
    return f"hottest sensor: {hottest[0]:.0f} °C at first, {max(hottest):.0f} °C at most"
