"""What of the error is the weights', the feature maps' and the output step's, for any range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfl_depth.encoding import CODES, Spans, decode_float, encode
from tfl_depth.strategy.rows import GRANULARITIES
from tfl_depth.strategy.simulation import Simulation
from tfl_depth.strategy.subject import Grid, Subject
from tfl_depth.strategy.trial import Scores, accuracy, fidelity, scores

# Of the outputs, in metres, beside the network's own.
RANGES_M = (10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 80.0)
HEADS = ("one output", "exact split")


def budget(subject: Subject, simulation: Simulation, reference: Scores) -> dict[str, Any]:
    """Measure each source alone and all together, plainly quantised, in simulation.

    Returns:
        `sources`: by granularity, the deviation and the accuracy with `weights`, `feature maps`,
        and both in int8, the output in float. `ranges`: by range and head, the same of the
        `output step` alone and of all `together`.
    """
    floats = simulation.say(subject.inputs)
    everything = {"kernels": simulation.kernels, "maps": simulation.maps}

    def figures(grids: Sequence[Grid], max_depth_m: float) -> dict[str, Any]:
        return {
            **accuracy(scores(subject, grids), reference),
            "fidelity": fidelity(floats, grids, max_depth_m),
        }

    sources: dict[str, Any] = {}
    both: dict[str, list[Grid]] = {}
    maps = simulation.say(subject.inputs, maps=simulation.maps)
    for granularity, per_channel in GRANULARITIES.items():
        both[granularity] = simulation.say(subject.inputs, per_channel=per_channel, **everything)
        weights = simulation.say(
            subject.inputs, kernels=simulation.kernels, per_channel=per_channel
        )
        sources[granularity] = {
            "weights": figures(weights, subject.max_depth_m),
            "feature maps": figures(maps, subject.max_depth_m),
            "weights and feature maps": figures(both[granularity], subject.max_depth_m),
        }
    ranges = {
        f"{max_depth_m:g}": {
            head: {
                "output step": figures(_said(floats, head, max_depth_m), max_depth_m),
                **{
                    f"together, {granularity}": figures(
                        _said(grids, head, max_depth_m), max_depth_m
                    )
                    for granularity, grids in both.items()
                },
            }
            for head in HEADS
        }
        for max_depth_m in sorted({subject.max_depth_m, *RANGES_M})
        if max_depth_m >= subject.max_depth_m
    }
    return {"sources": sources, "ranges": ranges}


def _said(grids: Sequence[Grid], head: str, max_depth_m: float) -> list[Grid]:
    """Depth as the codes of a head say it."""
    if head == HEADS[0]:
        step = max_depth_m / CODES
        return [
            np.asarray(np.rint(np.clip(grid, 0, max_depth_m) / step) * step, np.float32)
            for grid in grids
        ]
    return [_through_split(grid, Spans.uniform(max_depth_m)) for grid in grids]


def _through_split(grid: Grid, spans: Spans) -> Grid:
    integer, fractional = encode(grid, spans)
    whole, place = integer / spans.codes_per_span, fractional / CODES
    return np.asarray(decode_float(whole, place, spans), np.float32)
