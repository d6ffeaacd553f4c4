"""`tfl-depth strategy` on small networks: a quick run of everything, and one without training."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.strategy.keras_study import learned, small_model, write_keras_study
from tests.support.length import in_full
from tests.support.real_data import real_data
from tests.support.small_training import train_eagerly
from tfl_depth.converters.tflite_facts import read_operators
from tfl_depth.strategy import measure, quant_study
from tfl_depth.strategy.experiments import EXPERIMENTS, PHASES
from tfl_depth.strategy.results import RESULTS, NpuEstimate, StudyResults, read_results
from tfl_depth.strategy.study_input import StudyInput
from tfl_depth.tools import convert
from tfl_depth.tools.strategy import main

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ("trajectory", "budget", "ranges", "layers", "scene")


def run(source: Path, data: Path, folder: Path, *more: str, max_depth: str = "8") -> int:
    words = [str(source), "--dataset", "pairs", "--data", str(data), "--max-depth", max_depth]
    words += ["--output", str(folder / "report"), "--work", str(folder / "work"), "--quick"]
    return main([*words, *more])


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> StudyInput:
    """A Keras network that was taken through a quick run beside its source."""
    folder = tmp_path_factory.mktemp("quick")
    study_input = write_keras_study(folder)
    learned(small_model(), study_input).save(study_input.source)
    with pytest.MonkeyPatch.context() as patch:
        # One NPU of two, and no graph for the training: compiling takes most of the time.
        patch.setattr(measure, "NPUS", ("ethos-u65-512",))
        patch.setattr(measure, "_estimated", once_for_the_same_operators(measure._estimated))
        train_eagerly(patch)
        assert run(study_input.source, study_input.data, folder) == 0
    return study_input


def once_for_the_same_operators(
    estimate: Callable[[bytes, str], NpuEstimate],
) -> Callable[[bytes, str], NpuEstimate]:
    """The compiler's estimate, which weights change little, once for each head's operators."""
    known: dict[tuple[str, ...], NpuEstimate] = {}

    def estimated(model: bytes, name: str) -> NpuEstimate:
        operators = (name, *(operator.kind for operator in read_operators(model)))
        if operators not in known:
            known[operators] = estimate(model, name)
        return known[operators]

    return estimated


def found(study_input: StudyInput) -> StudyResults:
    return read_results(study_input.source.parent / "report" / "small" / RESULTS)


@pytest.mark.slow
def test_a_quick_run_makes_every_experiment_that_is_part_of_it(quick: StudyInput) -> None:
    results = found(quick)
    assert list(results.experiments) == [each.id for each in EXPERIMENTS if each.quick]
    assert results.left_out == {}
    assert results.head == "split" and results.source == "keras (keras)"
    fp32, split = (results.experiments[name] for name in ("fp32", "split/per_channel"))
    assert fp32.change["abs_rel"].relative == 0 and fp32.deviation.max_mm < 1
    assert split.npu["ethos-u65-512"].cpu_operators == 0
    assert fp32.npu["ethos-u65-512"].milliseconds is None
    for each in results.experiments.values():
        assert each.deviation.median_mm < 60, each.experiment.id
    assert results.experiments["longer"].metrics != fp32.metrics


@pytest.mark.slow
def test_its_report_has_every_part(quick: StudyInput) -> None:
    folder = quick.source.parent / "report"
    details = (folder / "small" / "details.md").read_text()
    measured = {each.experiment.phase for each in found(quick).experiments.values()}
    for phase, question in PHASES.items():
        assert (question in details) == (phase in measured)
    for picture in PICTURES:
        assert f"({picture}.png)" in details
        assert (folder / "small" / f"{picture}.png").stat().st_size > 5000


@pytest.mark.slow
def test_a_second_run_measures_nothing_again(
    quick: StudyInput, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = quick.source.parent
    before = (folder / "report" / "small" / RESULTS).read_bytes()

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("measured again")

    for name in ("measure", "layer_sensitivity", "error_budget", "calibrated_graph"):
        monkeypatch.setattr(quant_study, name, refuse)
    assert run(quick.source, quick.data, folder, "--channels", "rgb") == 0
    assert (folder / "report" / "small" / RESULTS).read_bytes() == before
    # The last line is a command that converts as the best experiment did.
    program, name, *words = shlex.split(capsys.readouterr().out.splitlines()[-1])
    options = convert._parser().parse_args(words)
    assert (program, name, options.network) == ("tfl-depth", "convert", quick.source)
    assert (options.recipe, options.head, options.max_depth_m) == ("gptq", "split", 8)
    assert words[words.index("--channels") + 1] == "rgb"
    with pytest.raises(AssertionError, match="measured again"):
        run(quick.source, quick.data, folder, max_depth="9")


# test_quant_study.py leaves experiments out as well, in a study of the same network.
@in_full
@pytest.mark.slow
def test_a_network_that_cannot_be_trained_is_studied_without(
    small_study: StudyInput, tmp_path: Path
) -> None:
    assert run(small_study.source, small_study.data, tmp_path) == 0
    results = read_results(tmp_path / "report" / "small" / RESULTS)
    trained = {each.id for each in EXPERIMENTS if each.quick and each.is_trained}
    assert set(results.left_out) == trained
    assert "gptq/per_tensor" in results.experiments
    assert (
        "needs a network of Keras 3" in (tmp_path / "report" / "small" / "details.md").read_text()
    )


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["absent.onnx"], "There is no network absent.onnx"),
        ([], "Expected one network"),
        (["one.onnx", "--checkpoint", "two.onnx"], "Expected one network"),
        (["one.onnx", "--mean", "0.5"], "Expected 3 numbers for --mean"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    words: list[str], text: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    more = ["--dataset", "pairs", "--data", str(tmp_path), "--output", str(tmp_path)]
    assert main([*words, *more]) == 1
    assert text in capsys.readouterr().err


def test_the_study_of_a_tflite_imports_no_framework() -> None:
    import subprocess

    code = (
        "import sys, tfl_depth.strategy.quant_study, tfl_depth.strategy.study_scene; "
        "print({'tensorflow', 'keras', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


@in_full
def test_a_quick_run_on_real_images(tmp_path: Path) -> None:
    data = real_data("nyuv2")
    checkpoint = ROOT / "zoo" / "pico-nyu-192x256" / "model.keras"
    options = ["--checkpoint", str(checkpoint), "--dataset", "nyuv2", "--data", str(data)]
    options += ["--output", str(tmp_path), "--work", str(tmp_path / "work"), "--quick"]
    # A quarter of the pixels shows the same order.
    assert main([*options, "--size", "96x128", "--no-training"]) == 0
    results = read_results(tmp_path / "pico-nyu-192x256" / RESULTS)
    medians = {name: each.deviation.median_mm for name, each in results.experiments.items()}
    assert medians["gptq/per_tensor"] < medians["split/per_tensor"]
    assert medians["gptq/per_channel"] < medians["split/per_channel"]
