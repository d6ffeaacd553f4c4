"""Candidates with training: trained further, with two heads, or at int8."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tfl_depth.converters.graph import write_graph
from tfl_depth.converters.graph.rewrites import prepare_for_int8
from tfl_depth.converters.ptq.range_estimation import estimate_ranges
from tfl_depth.converters.ptq.recipe import RANGES, apply_recipe
from tfl_depth.converters.ptq.statistics import observe
from tfl_depth.converters.representative import read_calibration
from tfl_depth.quiet import quiet
from tfl_depth.recipes import RECIPES, RecipeName
from tfl_depth.strategy.calibrated_graph import calibration_inputs
from tfl_depth.strategy.candidates import Candidate, Candidates, users_depth
from tfl_depth.strategy.experiments import Experiment, Granularity, TrainedNetwork
from tfl_depth.strategy.study_input import NetworkOptions, Pixels
from tfl_depth.strategy.study_network import ImportRecord, StudyNetwork, kept_network
from tfl_depth.strategy.trained_heads import trained_head
from tfl_depth.strategy.two_heads import SEEN_PHOTOS, TwoHeadedGraph, two_headed, two_headed_int8

# The number of photos for training at int8.
QAT_PHOTOS = 100
# What training at int8 begins with, and what its file is converted by: its weights lie on their
# grids already.
QAT_BEGINS: RecipeName = "gptq"
QAT_ENDS: RecipeName = "mse"
# A trained network takes pixels and outputs meters.
TRAINED_OPTIONS = NetworkOptions(unit="m")


@dataclass
class TrainedCandidates:
    """Makes candidates of a network that is trained first.

    Attributes:
        candidates: of the network without training.
        work: a folder for trained networks.
    """

    candidates: Candidates
    work: Path

    def make(self, experiment: Experiment) -> Candidate:
        """Make the candidate of an experiment.

        Raises:
            ConversionError: the network cannot be trained or converted in this way.
        """
        if experiment.network == "longer":
            return self._longer(experiment)
        if experiment.network == "two_heads":
            return self._two_heads(experiment)
        return self._at_int8(experiment)

    def _longer(self, experiment: Experiment) -> Candidate:
        network = self._trained("longer")
        model = self.candidates.file(experiment, network)
        expected = network.depth(self.candidates.pixels)
        return Candidate(model, partial(users_depth, model), expected)

    def _two_heads(self, experiment: Experiment) -> Candidate:
        candidates = self.candidates
        photos = self._photos(experiment.images)
        network = two_headed(self._trained("two_heads").model, photos[:SEEN_PHOTOS])
        head = trained_head("two_heads", candidates.study_input.max_depth_m)
        decode = head.decode[experiment.head]
        expected = list(network.depth(candidates.pixels, decode))
        made: TwoHeadedGraph = network
        if not experiment.is_float:
            made = two_headed_int8(network, photos, per_channel=experiment.per_channel)
        return Candidate(made.file(), partial(made.depth, decode=decode), expected)

    def _photos(self, count: int) -> list[Pixels]:
        candidates = self.candidates
        images = candidates.study_input.images(count)
        return list(read_calibration(images, candidates.network.size))

    def _trained(self, name: TrainedNetwork) -> StudyNetwork:
        """A network that was trained further, now or by an earlier run."""
        study_input = self.candidates.study_input

        def make() -> tuple[bytes, ImportRecord]:
            from tfl_depth.converters.importers import import_network
            from tfl_depth.strategy.finetune_heads import finetune_heads

            head = trained_head(name, study_input.max_depth_m)
            with quiet():
                imported = import_network(finetune_heads(study_input, head))
            return imported.model, ImportRecord(imported.format, imported.framework, 0.0)

        path = self.work / f"{name}.tflite"
        network = self.candidates.network
        return kept_network(path, TRAINED_OPTIONS, network.read_photos, make)

    def _at_int8(self, experiment: Experiment) -> Candidate:
        candidates = self.candidates
        path = self.work / f"qat_{experiment.granularity}.tflite"
        network = kept_network(
            path,
            TRAINED_OPTIONS,
            candidates.network.read_photos,
            lambda: (self._distilled(experiment.granularity), candidates.network.record),
        )
        model = candidates.file(replace(experiment, recipe=QAT_ENDS), network)
        return Candidate(model, partial(users_depth, model), candidates.reference)

    def _distilled(self, granularity: Granularity) -> bytes:
        """A float .tflite whose weights lie on int8 grids, trained at int8."""
        from tfl_depth.strategy.trainable import trainable_model

        candidates, study_input = self.candidates, self.candidates.study_input
        trainable_model(study_input)
        with quiet():
            from tfl_depth.training.qat_distillation import QatSetup, distill_at_int8
        opened = candidates.network.opened()
        graph, stage, progress = opened.graph, opened.stage, study_input.progress
        teacher = graph.copy()
        inputs = calibration_inputs(study_input, candidates.network, QAT_PHOTOS)
        per_channel = granularity == "per_channel"
        recipe = RECIPES[QAT_BEGINS]
        exact = prepare_for_int8(graph, inputs[:SEEN_PHOTOS])
        apply_recipe(graph, recipe, inputs, per_channel=per_channel, exact=exact, progress=progress)
        ranges = estimate_ranges(observe(graph, inputs, len(inputs)), RANGES[recipe.ranges])
        setup = QatSetup(ranges, {stage.tensor: (stage.low, stage.high)}, exact, per_channel)
        updates = study_input.effort.updates
        distill_at_int8(graph, setup, inputs, teacher, updates=updates, progress=progress)
        stage.take_pixels(graph)
        return write_graph(graph)
