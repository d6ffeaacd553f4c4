"""A study's network with its head and the ranges of its feature maps, ready for int8."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Tensor
from tfl_depth.converters.headed import HeadedGraph, HeadOptions, with_head
from tfl_depth.converters.photo_inputs import PhotoInputs
from tfl_depth.converters.ptq.progress import Progress
from tfl_depth.converters.ptq.range_estimation import estimate_ranges
from tfl_depth.converters.ptq.recipe import RANGES
from tfl_depth.converters.ptq.statistics import observe
from tfl_depth.converters.quantize import QuantizationPlan
from tfl_depth.converters.quantize.parameters import Range
from tfl_depth.converters.representative import read_calibration
from tfl_depth.format.contract_parts import HeadKind
from tfl_depth.recipes import PtqRecipe
from tfl_depth.strategy.study_input import StudyInput
from tfl_depth.strategy.study_network import StudyNetwork


@dataclass(frozen=True)
class CalibratedGraph:
    """A float graph that is ready for int8.

    Attributes:
        headed: with its head.
        ranges: of its feature maps.
        pinned: ranges that tensors must have.
    """

    headed: HeadedGraph
    ranges: dict[Tensor, Range]
    pinned: dict[Tensor, Range]

    def plan(self, *, per_channel: bool) -> QuantizationPlan:
        """What decides the codes of the int8 graph."""
        return QuantizationPlan(
            ranges=self.ranges,
            pinned=self.pinned,
            exact=self.headed.exact,
            per_channel=per_channel,
        )


def calibration_inputs(study_input: StudyInput, network: StudyNetwork, count: int) -> PhotoInputs:
    """Calibration photos as inputs of a network's graph."""
    photos = list(read_calibration(study_input.images(count), network.size))
    return PhotoInputs(photos, network.opened().stage.network_input)


def calibrated_graph(
    network: StudyNetwork,
    inputs: Sequence[npt.NDArray[np.float32]],
    *,
    head: HeadKind,
    max_depth_m: float,
    recipe: PtqRecipe,
    per_channel: bool,
    progress: Progress,
) -> CalibratedGraph:
    """Add the head to a network, apply a recipe, and measure its ranges.

    Args:
        network: the network.
        inputs: calibration photos as inputs of the graph.
        head: the head to add.
        max_depth_m: the largest depth.
        recipe: changes its weights and chooses ranges.
        per_channel: whether each output channel has its own weight scale.
        progress: shows the progress of slow parts.

    Raises:
        ConversionError: the network cannot have this head.
    """
    options = HeadOptions(
        kind=head,
        range_m=(0.0, max_depth_m),
        spans=None,
        recipe=recipe,
        integers=True,
        per_channel=per_channel,
        layers=None,
    )
    opened = network.opened()
    headed = with_head(opened, inputs, options, progress)
    observed = observe(headed.graph, progress(inputs, len(inputs), "measure ranges"), len(inputs))
    return CalibratedGraph(
        headed=headed,
        ranges=estimate_ranges(observed, RANGES[recipe.ranges]),
        pinned={**headed.pinned, opened.stage.tensor: (opened.stage.low, opened.stage.high)},
    )
