"""Make the candidate of an experiment: a .tflite file, and a function for its depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np

from tfl_depth.converters.graph import read_graph, write_graph
from tfl_depth.converters.metadata import with_contract
from tfl_depth.converters.photo_inputs import PhotoInputs
from tfl_depth.converters.pipeline import convert_network
from tfl_depth.converters.quantize import with_half_weights
from tfl_depth.format.contract import read_contract
from tfl_depth.format.contract_parts import HeadKind
from tfl_depth.recipes import recipe_named
from tfl_depth.runtime import DepthRunner
from tfl_depth.strategy.calibrated_graph import (
    CalibratedGraph,
    calibrated_graph,
    calibration_inputs,
)
from tfl_depth.strategy.experiments import Experiment
from tfl_depth.strategy.fake_quant_model import FakeQuantModel
from tfl_depth.strategy.mixed_precision import wide_maps
from tfl_depth.strategy.results import LayerSensitivity
from tfl_depth.strategy.study_input import Grid, Pixels, StudyInput
from tfl_depth.strategy.study_network import StudyNetwork

# A frame of a large network takes seconds if other programs run too.
TIMEOUT_S = 120.0
SIMULATED = "simulated"

Depth = Callable[[Sequence[Pixels]], Iterator[Grid]]


@dataclass(frozen=True)
class Candidate:
    """The file or simulation of an experiment.

    Attributes:
        model: the .tflite file; None if it is simulated.
        depth: returns meters (h, w) for photos of the network's size.
        reference: depth of the same network in float, on the photos of the measurement.
        note: a remark for the report.
    """

    model: bytes | None
    depth: Depth
    reference: list[Grid]
    note: str = ""


@dataclass
class Candidates:
    """Makes candidates of one network.

    Attributes:
        study_input: the network and its data.
        network: the imported network.
        head: the head of experiments with the split.
        pixels: the photos of the measurement, in the network's size.
        sensitivity: chooses the feature maps with 16 bits.
    """

    study_input: StudyInput
    network: StudyNetwork
    head: HeadKind
    pixels: Sequence[Pixels]
    sensitivity: LayerSensitivity
    # Several experiments simulate the same weights.
    _calibrated_graphs: dict[Any, CalibratedGraph] = field(default_factory=dict, init=False)

    @cached_property
    def reference(self) -> list[Grid]:
        """Depth of the network in float, on the photos of the measurement."""
        return self.network.depth(self.pixels)

    def make(self, experiment: Experiment) -> Candidate:
        """Make the candidate of an experiment from the network without training.

        Raises:
            ConversionError: the network cannot be converted in this way.
        """
        if experiment.precision in ("mixed", "wide"):
            return self._simulated(experiment)
        model = self.file(experiment, self.network)
        return Candidate(model, partial(users_depth, model), self.reference)

    def file(self, experiment: Experiment, network: StudyNetwork) -> bytes:
        """Convert a network with the settings of an experiment.

        Raises:
            ConversionError: it cannot be converted in this way.
        """
        if experiment.recipe == "gptq-qat":
            raise ValueError(f"Expected {experiment.id} to need no training.")
        single = self.head == "single" or experiment.head == "single"
        model = convert_network(
            network.model,
            images=self.study_input.images(experiment.images),
            max_depth_m=self.study_input.max_depth_m,
            precision="float32" if experiment.is_float else "int8",
            head="single" if single else "split",
            per_channel=experiment.per_channel,
            recipe=experiment.recipe,
            golden=False,
            progress=self.study_input.progress,
            **network.options.arguments(),
        ).model
        return _with_half_weights(model) if experiment.precision == "float16" else model

    def _simulated(self, experiment: Experiment) -> Candidate:
        asked = (experiment.recipe, experiment.granularity, experiment.images)
        if asked not in self._calibrated_graphs:
            self._calibrated_graphs[asked] = self._calibrated(experiment)
        calibrated = self._calibrated_graphs[asked]
        model = FakeQuantModel(calibrated.headed, calibrated.ranges)
        maps: tuple[str, ...] = ()
        note = SIMULATED
        if experiment.precision == "mixed":
            alone_mm = self.sensitivity.maps.alone_mm
            wide = wide_maps(calibrated.headed.graph, model.maps, alone_mm)
            maps = tuple(name for name in model.maps if name not in wide)
            note = f"{SIMULATED}, {len(wide)} of {len(model.maps)} feature maps in int16"
        as_input = self.network.opened().stage.network_input

        def depth(pixels: Sequence[Pixels]) -> Iterator[Grid]:
            return iter(model.depth(PhotoInputs(pixels, as_input), maps=maps))

        return Candidate(None, depth, self.reference, note)

    def _calibrated(self, experiment: Experiment) -> CalibratedGraph:
        if experiment.recipe is None:
            raise ValueError(f"Expected {experiment.id} to have a recipe.")
        return calibrated_graph(
            self.network,
            calibration_inputs(self.study_input, self.network, experiment.images),
            head=self.head,
            max_depth_m=self.study_input.max_depth_m,
            recipe=recipe_named(experiment.recipe),
            per_channel=experiment.per_channel,
            progress=self.study_input.progress,
        )


def users_depth(model: bytes, photos: Sequence[Pixels]) -> Iterator[Grid]:
    """Depth of a file with a contract, from the runtime.

    It runs in a process of its own, since a wrong file can end the interpreter's.
    """
    with DepthRunner(model, isolate=True, timeout_s=TIMEOUT_S) as runner:
        for pixels in photos:
            depth_mm = runner.infer(pixels, size="model", channels="rgb")
            yield np.asarray(depth_mm / 1000, np.float32)


def _with_half_weights(model: bytes) -> bytes:
    """A file in float32 with its weights in float16, and its contract."""
    half = write_graph(with_half_weights(read_graph(model)))
    return with_contract(half, read_contract(model))
