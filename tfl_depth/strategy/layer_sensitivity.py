"""The error of each operator: each one quantized alone, and all but each one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.ptq.progress import Progress
from tfl_depth.converters.quantize import quantized
from tfl_depth.converters.verify import compare_operators
from tfl_depth.strategy.calibrated_graph import CalibratedGraph
from tfl_depth.strategy.deviation import median_mm
from tfl_depth.strategy.experiments import GRANULARITIES, TITLES, Granularity
from tfl_depth.strategy.fake_quant_model import FakeQuantModel
from tfl_depth.strategy.results import KernelSensitivity, LayerSensitivity, MapSensitivity

# The operators to improve: as many of the worst as leave this share of the error without them.
LEFT_SHARE = 0.25
# For so many of the worst kernels, all other kernels are quantized too.
WORST = 12

Inputs = Sequence[npt.NDArray[np.float32]]
# The median deviation with these kernels in int8, in mm.
Deviation = Callable[[Collection[str]], float]


def layer_sensitivity(
    calibrated: CalibratedGraph, inputs: Inputs, progress: Progress
) -> LayerSensitivity:
    """Quantize every kernel and every feature map alone.

    Args:
        calibrated: a float network with ranges.
        inputs: photos as inputs of its graph.
        progress: shows the progress.
    """
    model = FakeQuantModel(calibrated.headed, calibrated.ranges)
    expected = model.depth(inputs)

    def of_maps(maps: Collection[str]) -> float:
        return median_mm(expected, model.depth(inputs, maps=maps))

    def of_kernels(granularity: Granularity) -> KernelSensitivity:
        def deviation(kernels: Collection[str]) -> float:
            per_channel = GRANULARITIES[granularity]
            found = model.depth(inputs, kernels=kernels, per_channel=per_channel)
            return median_mm(expected, found)

        shown = progress(model.kernels, len(model.kernels), f"weights {TITLES[granularity]}")
        alone_mm = {name: deviation([name]) for name in shown}
        noise_db = operator_noise(calibrated, inputs, per_channel=GRANULARITIES[granularity])
        return _summed_up(alone_mm, deviation, noise_db)

    shown = progress(model.maps, len(model.maps), "feature maps")
    return LayerSensitivity(
        kinds={op.output.name: op.kind for op in calibrated.headed.graph.operators},
        kernels={granularity: of_kernels(granularity) for granularity in GRANULARITIES},
        maps=MapSensitivity(of_maps(model.maps), {name: of_maps([name]) for name in shown}),
    )


def _summed_up(
    alone_mm: Mapping[str, float], deviation: Deviation, noise_db: dict[str, float]
) -> KernelSensitivity:
    order = sorted(alone_mm, key=lambda name: -alone_mm[name])
    all_mm = deviation(order)
    return KernelSensitivity(
        all_mm=all_mm,
        alone_mm=dict(alone_mm),
        all_but_mm={
            name: deviation([other for other in order if other != name]) for name in order[:WORST]
        },
        to_mend=_to_mend(order, all_mm, deviation),
        noise_db=noise_db,
    )


def _to_mend(order: Sequence[str], all_mm: float, deviation: Deviation) -> tuple[str, ...]:
    """The smallest number of the worst operators that cause most of the error."""
    few, many = 0, len(order)
    # The error falls with the number of float operators: binary search.
    while many - few > 1:
        middle = (few + many) // 2
        if deviation(order[middle:]) <= LEFT_SHARE * all_mm:
            many = middle
        else:
            few = middle
    return tuple(order[:many])


def operator_noise(
    calibrated: CalibratedGraph, inputs: Inputs, *, per_channel: bool
) -> dict[str, float]:
    """Signal-to-noise ratio at each operator's output in dB, the whole network in int8."""
    graph = calibrated.headed.graph
    made = quantized(graph, calibrated.plan(per_channel=per_channel))
    errors = compare_operators(graph, made, inputs)
    return {each.name: -20 * float(np.log10(each.error)) for each in errors if each.error > 0}
