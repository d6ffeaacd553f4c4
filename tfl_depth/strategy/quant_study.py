"""The run of a study. Results are stored, so that an interrupted run can be resumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

import tfl_depth
from tfl_depth.converters.photo_inputs import PhotoInputs
from tfl_depth.encoding import Spans
from tfl_depth.errors import ConversionError, DepthError
from tfl_depth.files import write_whole
from tfl_depth.format.contract_parts import HeadKind
from tfl_depth.recipes import RECIPES
from tfl_depth.runtime.fit import fit_photo
from tfl_depth.strategy.calibrated_graph import (
    CalibratedGraph,
    calibrated_graph,
    calibration_inputs,
)
from tfl_depth.strategy.candidates import Candidates
from tfl_depth.strategy.deviation import DepthDeviation
from tfl_depth.strategy.error_budget import error_budget, simulate
from tfl_depth.strategy.experiments import EXPERIMENTS, Experiment
from tfl_depth.strategy.fake_quant_model import FakeQuantModel
from tfl_depth.strategy.layer_sensitivity import layer_sensitivity
from tfl_depth.strategy.measure import Photos, Scores, changes, measure, scores
from tfl_depth.strategy.result_store import ResultStore
from tfl_depth.strategy.results import (
    ErrorBudget,
    ExperimentResult,
    LayerSensitivity,
    SourceFigures,
    StudyResults,
)
from tfl_depth.strategy.row_units import Compute, measure_unit, row_units
from tfl_depth.strategy.study_input import Grid, Pixels, StudyInput
from tfl_depth.strategy.study_network import StudyNetwork, import_for_study
from tfl_depth.strategy.trained_candidates import TrainedCandidates

FP32, LONGER = "fp32", "longer"
# Photos for the ranges of the simulations.
CALIBRATION = 100
NOT_ASKED = "training was not asked for"


@dataclass(frozen=True)
class KeptExperiment:
    """The stored result of an experiment.

    Attributes:
        result: None if it was left out.
        scores: the metrics of each image.
        reason: why it was left out.
    """

    result: ExperimentResult | None
    scores: tuple[dict[str, float], ...]
    reason: str


@dataclass(frozen=True)
class StudyHead:
    """The head of the experiments on weights.

    Attributes:
        kind: "split", or "single" if no split is possible.
        edges_m, curves_m: of the spans.
    """

    kind: HeadKind
    edges_m: tuple[float, ...]
    curves_m: tuple[tuple[float, ...], ...] | None

    @property
    def spans(self) -> Spans:
        """The spans of the split; one span from 0 without a split."""
        return Spans(self.edges_m, self.curves_m)


class QuantStudy:
    """Measures each experiment of one network once."""

    def __init__(self, study_input: StudyInput, work: Path) -> None:
        """Open a study, or resume an interrupted one.

        Args:
            study_input: the network and the images.
            work: a folder for results. Results of other networks or images stay there.
        """
        self._input = study_input
        self._work = work
        self._store = ResultStore(work / study_input.sha256[:16])
        self._store.folder.mkdir(parents=True, exist_ok=True)
        self._kept: dict[str, KeptExperiment] = {}

    def run(self, *, train: bool = True, compute: Compute | None = None) -> StudyResults:
        """Measure what is missing, and return all results for the result file.

        Args:
            train: whether to make the experiments that need training.
            compute: measures the rows that neither need training nor are the reference of others;
                None: they are measured here.

        Raises:
            ConversionError: the network cannot be converted at all.
        """
        quick = self._input.effort.quick
        experiments = [each for each in EXPERIMENTS if each.quick or not quick]
        if compute is not None:
            self._measure_apart(experiments, compute)
        for each in self._input.progress(experiments, len(experiments), "experiments"):
            if train or not each.is_trained:
                self._kept[each.id] = self._measured(each)
            else:
                self._kept[each.id] = KeptExperiment(None, (), NOT_ASKED)
        return self._results()

    def measure(self, names: Sequence[str]) -> None:
        """Measure experiments into the folder, by their ids, after FP32 and the sensitivity."""
        by_id = {each.id: each for each in EXPERIMENTS}
        for name in (FP32, *names):
            self._kept[name] = self._measured(by_id[name])

    def _measure_apart(self, experiments: Sequence[Experiment], compute: Compute) -> None:
        """Measure what the rows share, and then the rows in other processes."""
        apart = [each for each in experiments if not (each.is_trained or self._has(each))]
        if not apart:
            return
        self.measure([])
        _ = self._sensitivity
        units = row_units(self._input, self._work, [each for each in apart if each.id != FP32])
        rows = (row for count in compute(measure_unit, units) for row in range(count))
        for _row in self._input.progress(
            rows, sum(len(each.experiments) for each in units), "rows"
        ):
            pass

    def grid(self, name: str) -> Grid:
        """The depth of the scene for pictures by an experiment, (h, w) in meters."""
        return np.asarray(np.load(self._grid_path(name)), np.float32)

    def _results(self) -> StudyResults:
        study_input, record = self._input, self._network.record
        return StudyResults(
            tool=f"tfl-depth {tfl_depth.__version__}",
            network=study_input.name,
            source=f"{record.format} ({record.framework})",
            import_difference_mm=record.difference_mm,
            dataset=study_input.dataset.name,
            split=study_input.split,
            images=len(study_input.samples),
            max_depth_m=study_input.max_depth_m,
            head=self._head.kind,
            effort=study_input.effort,
            source_sha256=study_input.source_sha256,
            experiments={
                name: kept.result for name, kept in self._kept.items() if kept.result is not None
            },
            left_out={name: kept.reason for name, kept in self._kept.items() if kept.reason},
            sensitivity=self._sensitivity,
            budget=self._store.once("budget", ErrorBudget, "", self._measured_budget),
        )

    @cached_property
    def _network(self) -> StudyNetwork:
        return import_for_study(self._input, self._store.folder)

    @cached_property
    def _calibrated(self) -> CalibratedGraph:
        """The network for the simulations: with the split if possible."""
        try:
            return self._with_head("split")
        except ConversionError:
            return self._with_head("single")

    def _with_head(self, head: HeadKind) -> CalibratedGraph:
        return calibrated_graph(
            self._network,
            calibration_inputs(self._input, self._network, CALIBRATION),
            head=head,
            max_depth_m=self._input.max_depth_m,
            recipe=RECIPES["minmax"],
            per_channel=True,
            progress=self._input.progress,
        )

    @cached_property
    def _head(self) -> StudyHead:
        def found() -> StudyHead:
            headed = self._calibrated.headed
            kind: HeadKind
            kind = "single" if "depth" in headed.graph.outputs else "split"
            return StudyHead(kind, headed.spans.edges_m, headed.spans.curves_m)

        return self._store.once("head", StudyHead, "", found)

    @cached_property
    def _photos(self) -> Photos:
        samples = self._input.samples
        pixels = [fit_photo(sample.rgb, self._network.size) for sample in samples]
        return Photos(self._input.dataset, samples, pixels, self._head.spans)

    @property
    def _scene(self) -> int:
        """The sample in the pictures: the middle one."""
        return len(self._input.samples) // 2

    @cached_property
    def _sensitivity(self) -> LayerSensitivity:
        def found() -> LayerSensitivity:
            pixels = self._photos.pixels
            pixels = pixels[:: max(1, len(pixels) // self._input.effort.sensitivity)]
            inputs = self._inputs(pixels[: self._input.effort.sensitivity])
            return layer_sensitivity(self._calibrated, inputs, self._input.progress)

        return self._store.once("sensitivity", LayerSensitivity, "", found)

    def _inputs(self, pixels: Sequence[Pixels]) -> PhotoInputs:
        return PhotoInputs(pixels, self._network.opened().stage.network_input)

    def _measured_budget(self) -> ErrorBudget:
        reference = list(self._kept[FP32].scores)

        def figures(grids: Sequence[Grid]) -> SourceFigures:
            return source_figures(grids, simulated.floats, self._photos, reference)

        model = FakeQuantModel(self._calibrated.headed, self._calibrated.ranges)
        simulated = simulate(model, self._inputs(self._photos.pixels))
        return error_budget(simulated, self._head.spans, figures)

    @cached_property
    def _candidates(self) -> Candidates:
        return Candidates(
            self._input, self._network, self._head.kind, self._photos.pixels, self._sensitivity
        )

    def _has(self, experiment: Experiment) -> bool:
        name, asked = _entry(experiment)
        return self._store.kept(name, KeptExperiment, asked) is not None

    def _measured(self, experiment: Experiment) -> KeptExperiment:
        def found() -> KeptExperiment:
            try:
                return self._try(experiment)
            except DepthError as error:
                if experiment.id == FP32:
                    raise
                return KeptExperiment(None, (), str(error))

        name, asked = _entry(experiment)
        kept = self._store.once(name, KeptExperiment, asked, found)
        if kept.result is None:
            return kept
        return replace(kept, result=replace(kept.result, experiment=experiment))

    def _try(self, experiment: Experiment) -> KeptExperiment:
        candidates = self._candidates
        if experiment.is_trained:
            made = TrainedCandidates(candidates, self._store.folder).make(experiment)
        else:
            made = candidates.make(experiment)
        reference, float_model = self._reference(experiment), self._float_model(experiment)
        found = measure(made, self._photos, reference, float_model)
        if experiment.id == FP32 and made.model is not None:
            write_whole(self._store.folder / "fp32.tflite", made.model)
        np.save(self._grid_path(experiment.id), found.grids[self._scene])
        result = ExperimentResult(
            experiment=experiment,
            metrics=found.metrics,
            change=found.change,
            deviation=found.deviation,
            banding=found.banding,
            bytes=None if made.model is None else len(made.model),
            time_of_float32=found.time_of_float32,
            npu=found.npu,
            flicker_mm=found.flicker_mm,
            note=made.note,
        )
        return KeptExperiment(result, tuple(found.scores), "")

    def _reference(self, experiment: Experiment) -> Scores | None:
        """Scores of the float network that was trained as long as the experiment's."""
        name = FP32 if experiment.network is None else LONGER
        return None if experiment.id == name else list(self._kept[name].scores)

    def _float_model(self, experiment: Experiment) -> bytes | None:
        if experiment.id == FP32:
            return None
        return (self._store.folder / "fp32.tflite").read_bytes()

    def _grid_path(self, name: str) -> Path:
        return self._store.folder / f"scene {name.replace('/', ' ')}.npy"


def _entry(experiment: Experiment) -> tuple[str, str]:
    """The name of a stored experiment, and what was asked for."""
    # The title of an experiment, and whether it is quick, do not change its figures.
    asked = replace(experiment, phase="baseline", title="", quick=False)
    return f"experiment {experiment.id}", str(asked)


def source_figures(
    grids: Sequence[Grid], floats: Sequence[Grid], photos: Photos, reference: Scores
) -> SourceFigures:
    """The effect of one source of error on depth (h, w) in meters."""
    change = changes(reference, scores(photos, grids))
    deviation = DepthDeviation.measured(floats, grids, photos.spans)
    return SourceFigures(deviation, change["abs_rel"])
