"""tools/placement: where operators run, by Vela's report and by delegates' rules."""

from __future__ import annotations

import importlib
import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import keras
import numpy as np
import pytest
from keras import layers

from tests.support.photos import write_photos
from tests.support.small_net import OFFSET, SCALE, SIZE, run_convert, write_examples
from tfl_depth.converters.deployment import PlacedOperator, Placement, compile_for_target, vela
from tfl_depth.converters.deployment.input_copy import with_input_copy
from tfl_depth.converters.deployment.operator_rules import RULES
from tfl_depth.converters.deployment.picture import placement_picture
from tfl_depth.converters.deployment.placement import CPU, GPU, NPU, UNKNOWN, Estimate
from tfl_depth.converters.tflite_facts import FileOperator, read_facts, read_operators
from tfl_depth.errors import ConversionError, ModelFileError
from tfl_depth.format import golden
from tfl_depth.format.contract_place import find_metadata
from tfl_depth.runtime.engines.interpreter import open_interpreter
from tfl_depth.targets import TARGETS, RuleTable
from tfl_depth.tools import placement as tool
from tfl_depth.tools.convert import main as convert

U55 = "ethos-u55-128"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_examples(tmp_path_factory.mktemp("work"))
    assert run_convert(folder, folder, "--int8", "--max-depth", "10") == 0
    return folder


def result(capfd: pytest.CaptureFixture[str], path: Path, target: str) -> dict[str, Any]:
    capfd.readouterr()
    assert tool.main([str(path), "--target", target, "--json"]) == 0
    return dict(json.loads(capfd.readouterr().out))


# Vela's report


@pytest.mark.parametrize("target", [U55, "ethos-u85-256"])
def test_all_operators_of_a_small_network_run_on_an_ethos(
    work: Path, capfd: pytest.CaptureFixture[str], target: str
) -> None:
    path = work / "model.tflite"
    report, operators = result(capfd, path, target), read_operators(path.read_bytes())
    # Vela runs them in another order.
    assert sorted(
        (each["kind"], each["name"])
        for each in report["operators"]
        if not each["name"].endswith("_copy")
    ) == sorted((operator.kind, operator.name) for operator in operators)
    assert {operator["place"] for operator in report["operators"]} == {NPU}
    estimate = report["estimate"]
    assert sum(operator["cycles"] for operator in report["operators"]) == estimate["cycles"]
    assert report["milliseconds"] == 1000 * estimate["cycles"] / estimate["clock_hz"]
    macs = read_facts(path.read_bytes()).macs
    peak = estimate["macs_per_cycle"] * estimate["cycles"]
    assert report["utilization"] == pytest.approx((macs or 0) / peak)
    assert 0 < report["utilization"] < 1
    # The input alone is 18 KiB.
    assert estimate["sram_bytes"] + estimate["other_bytes"] > 64 * 96 * 3


def tripled() -> keras.Model:
    """Enlarges its features by three, which no Ethos-U can; then by two, which all can.

    Its weights are such that no depth is negative.
    """
    keras.utils.set_random_seed(2)
    pixels = keras.Input((96, 96, 3))
    x = layers.Rescaling(SCALE, OFFSET)(pixels)
    x = layers.Conv2D(12, 3, strides=3, padding="same", activation="relu6")(x)
    x = layers.UpSampling2D(3, interpolation="bilinear")(x)
    x = layers.Conv2D(8, 3, padding="same", activation="relu6")(x)
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    positive = keras.initializers.RandomUniform(0.1, 0.5, seed=3)
    depth = layers.Conv2D(1, 1, kernel_initializer=positive, bias_initializer="ones")
    return keras.Model(pixels, depth(x))


@pytest.fixture(scope="module")
def on_cpu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `tripled` as tripled.keras and model.tflite, and photos/."""
    folder = tmp_path_factory.mktemp("tripled")
    write_photos(folder / "photos")
    tripled().save(folder / "tripled.keras")
    assert convert(arguments(folder, folder)) == 0
    return folder


def arguments(source: Path, folder: Path, *more: str) -> list[str]:
    photos, output = str(source / "photos"), str(folder / "model.tflite")
    call = ["--int8", "--representative", photos, "--output", output]
    return [str(source / "tripled.keras"), *call, *more]


@pytest.mark.parametrize("target", [U55, "ethos-u65-256", "ethos-u85-256"])
def test_an_operator_on_the_cpu_has_a_reason_and_leaves_no_time_to_quote(
    on_cpu: Path, capfd: pytest.CaptureFixture[str], target: str
) -> None:
    report = result(capfd, on_cpu / "model.tflite", target)
    # Of the input, where Vela finds that faster.
    copies = sum(operator["name"].endswith("_copy") for operator in report["operators"])
    assert copies <= 1
    assert report["totals"] == {
        "operators": 7 + copies,
        "npu": 6 + copies,
        "cpu": 1,
        "gpu": 0,
        "unknown": 0,
    }
    (left,) = (operator for operator in report["operators"] if operator["place"] == CPU)
    assert left["kind"] == "RESIZE_BILINEAR"
    assert "scale-factor" in left["reason"]
    assert "2x" in left["hint"]
    assert left["cycles"] is None
    assert report["milliseconds"] is None
    assert report["utilization"] is None
    assert "cycles" not in report["estimate"]


def test_the_table_says_why_and_gives_no_time(
    on_cpu: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "placement.png"
    path = str(on_cpu / "model.tflite")
    assert tool.main([path, "--target", U55, "--picture", str(picture)]) == 0
    printed = capfd.readouterr().out
    assert printed.startswith("target ")
    assert " ms" not in printed
    assert "7: 6 npu, 1 cpu" in printed
    assert "RESIZE_BILINEAR: cpu, Scaling matches" in printed
    assert reddish(cv2.imread(str(picture)))


def reddish(picture: Any) -> bool:
    blue, _green, red = (picture[..., channel].astype(int) for channel in range(3))
    return bool((red - blue > 100).sum() > 500)


def test_a_picture_without_the_cpu_has_none_of_its_color(work: Path) -> None:
    content = (work / "model.tflite").read_bytes()
    picture = placement_picture(compile_for_target(content, U55, TARGETS[U55]).placement, "title")
    assert not reddish(picture)
    bars = (picture == (0xB2, 0x72, 0x00)).all(axis=-1)
    operators = len(read_operators(content))
    # The bars are apart from each other: one for each operator, below that of the legend.
    rows = bars.any(axis=1)
    assert (rows[1:] & ~rows[:-1]).sum() == operators + 1


def test_strict_placement_refuses_and_writes_nothing(
    on_cpu: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    call = arguments(on_cpu, tmp_path, "--target", U55, "--strict-placement")
    assert convert(call) == 1
    (line,) = capfd.readouterr().err.splitlines()[-1:]
    assert line.startswith("error: 1 of 7 operators are not known to run on the NPU")
    assert "RESIZE_BILINEAR (cpu: Scaling" in line
    assert not list(tmp_path.iterdir())
    path = str(on_cpu / "model.tflite")
    assert tool.main([path, "--target", U55, "--strict-placement"]) == 1
    assert capfd.readouterr().out == ""


def test_floats_are_left_to_the_cpu(work: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = work / "float"
    folder.mkdir()
    assert run_convert(work, folder, "--int16x8", "--max-depth", "10") == 0
    report = result(capfd, folder / "model.tflite", "ethos-u85-256")
    left = {operator["kind"]: operator for operator in report["operators"]}
    assert left["QUANTIZE"]["place"] == left["DEQUANTIZE"]["place"] == CPU
    assert "--int8" in left["QUANTIZE"]["hint"]


def test_a_vela_that_hangs_is_stopped(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vela, "TIME_LIMIT_S", 0.01)
    with pytest.raises(ConversionError, match=r"took more than 0\.01 s for ethos-u55-128"):
        compile_for_target((work / "model.tflite").read_bytes(), U55, TARGETS[U55])


def test_a_missing_vela_is_told(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConversionError, match="pip install 'ethos-u-vela"):
        compile_for_target((work / "model.tflite").read_bytes(), U55, TARGETS[U55])


def test_a_compiled_file_is_refused(work: Path) -> None:
    content = (work / "model.tflite").read_bytes()
    compiled = compile_for_target(content, U55, TARGETS[U55]).compiled
    assert compiled is not None
    with pytest.raises(ConversionError, match="compiled already"):
        compile_for_target(compiled, U55, TARGETS[U55])


def test_a_damaged_file_is_refused(work: Path) -> None:
    content = bytearray((work / "model.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    with pytest.raises(ModelFileError):
        compile_for_target(bytes(content), U55, TARGETS[U55])


# Rules of delegates


def operator(kind: str, **changes: Any) -> FileOperator:
    known = {"name": "x", "source": "int8", "result": "int8", "weight_scales": (), "largest": None}
    return FileOperator(**{"kind": kind, **known, "options": None, **changes})


ONE, TWO = (0.1,), (0.1, 0.2)
HALF_PIXEL = SimpleNamespace(halfPixelCenters=True)
RELU6 = SimpleNamespace(fusedActivationFunction=3)
VERDICTS = [
    ("nnapi", operator("CONV_2D", weight_scales=TWO), NPU, "level 3 (Android 10)"),
    ("nnapi", operator("QUANTIZE", source="uint8"), NPU, "level 4 (Android 11)"),
    ("nnapi", operator("RESIZE_NEAREST_NEIGHBOR"), NPU, "level 3"),
    ("nnapi", operator("RESIZE_NEAREST_NEIGHBOR", options=HALF_PIXEL), NPU, "level 4"),
    ("nnapi", operator("CONV_2D", source="int16", result="int16"), CPU, "not int16"),
    ("nnapi", operator("ERF"), UNKNOWN, "not in this table"),
    ("teflon", operator("CONV_2D", weight_scales=ONE), NPU, ""),
    ("teflon", operator("CONV_2D", weight_scales=TWO), UNKNOWN, "per-channel"),
    ("teflon", operator("CONV_2D", weight_scales=(0.1, 0.1)), NPU, ""),
    ("teflon", operator("CONV_2D", weight_scales=ONE, largest=6.0, options=RELU6), NPU, ""),
    ("teflon", operator("CONV_2D", weight_scales=ONE, largest=6.1, options=RELU6), CPU, "6.1"),
    ("teflon", operator("RESIZE_NEAREST_NEIGHBOR"), CPU, "no such operator"),
    ("teflon", operator("ADD", result="float32"), CPU, "not float32"),
    ("armnn", operator("RESIZE_NEAREST_NEIGHBOR"), NPU, "list"),
    ("armnn", operator("ERF"), CPU, "list"),
    ("coral", operator("CONV_2D"), NPU, "list"),
    ("coral", operator("CONV_2D", result="float32"), CPU, "not float32"),
    ("coral", operator("RESIZE_BILINEAR"), UNKNOWN, "size"),
    ("coral", operator("ERF"), UNKNOWN, "compiler"),
    ("stm32mp2", operator("CONV_2D", weight_scales=TWO), GPU, "per-channel"),
    ("stm32mp2", operator("CONV_2D", weight_scales=ONE), UNKNOWN, "compiler"),
]


@pytest.mark.parametrize(("rules", "given", "where", "words"), VERDICTS)
def test_delegates_take_what_their_source_says(
    rules: RuleTable, given: FileOperator, where: str, words: str
) -> None:
    verdict = RULES[rules](given)
    assert verdict.place == where
    assert words in verdict.reason


def test_each_rule_belongs_to_a_target() -> None:
    assert set(RULES) == {target.rules for target in TARGETS.values()} - {None}


@pytest.mark.parametrize(
    "target", [name for name, each in TARGETS.items() if each.vela is None and not each.htp_soc]
)
def test_other_targets_are_reported_by_the_file_and_without_a_time(
    work: Path, capfd: pytest.CaptureFixture[str], target: str
) -> None:
    path = work / "model.tflite"
    report = result(capfd, path, target)
    assert len(report["operators"]) == len(read_operators(path.read_bytes()))
    assert report["milliseconds"] is None
    assert report["estimate"] is None
    places = {each["place"] for each in report["operators"]}
    if target == "cpu":
        assert places == {CPU}
    if target == "nnapi":
        assert places == {NPU}


def test_a_utilization_is_of_the_peak() -> None:
    estimate = Estimate(
        {}, clock_hz=1e9, cycles=1000, macs_per_cycle=256, sram_bytes=0, other_bytes=0
    )
    (one,) = operators = (PlacedOperator("CONV_2D", "x", NPU, cycles=1000),)
    placement = Placement(U55, operators, macs=64_000, estimate=estimate, source="")
    assert (placement.milliseconds, placement.utilization) == (0.001, 0.25)
    left = PlacedOperator("ERF", "y", CPU)
    placement = Placement(U55, (one, left), macs=64_000, estimate=estimate, source="")
    assert (placement.milliseconds, placement.utilization) == (None, None)


# Errors


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("missing.tflite", "--target", U55), "There is no model"),
        (("MODEL", "--target", U55, "--picture", "a.jpg"), "ends in .png"),
        (("MODEL", "--target", "coral", "--system-config", "X"), "not compiled by Vela"),
    ],
)
def test_errors_are_one_sentence(
    work: Path, capfd: pytest.CaptureFixture[str], call: tuple[str, ...], words: str
) -> None:
    capfd.readouterr()
    model = str(work / "model.tflite")
    assert tool.main([model if word == "MODEL" else word for word in call]) == 1
    (line,) = capfd.readouterr().err.splitlines()[-1:]
    assert line.startswith("error: ") and words in line


# A copy of the input


def test_a_copy_of_the_input_changes_nothing_that_is_computed(work: Path) -> None:
    model = (work / "model.tflite").read_bytes()
    copied = with_input_copy(model)
    pixels = np.random.default_rng(2).integers(-128, 128, (1, *SIZE, 3)).astype(np.int8)
    one, other = (
        open_interpreter(each).get_signature_runner()(pixels=pixels) for each in (model, copied)
    )
    assert one.keys() == other.keys() == {"integer", "fractional"}
    for name, tensor in one.items():
        np.testing.assert_array_equal(tensor, other[name])
    assert read_facts(copied).operators == {**read_facts(model).operators, "QUANTIZE": 1}
    assert find_metadata(copied, golden.METADATA_NAME) is not None


@pytest.mark.parametrize(
    ("target", "cycles", "left", "taken"),
    [
        ("ethos-u65-512", (200, 100), (0, 0), True),
        ("ethos-u65-512", (100, 200), (0, 0), False),
        ("ethos-u65-512", (200, 100), (0, 1), False),
        ("ethos-u55-128", (200, 100), (0, 0), False),
    ],
    ids=["faster", "slower", "on the CPU", "memory is shared"],
)
def test_the_input_is_copied_where_vela_finds_that_faster(
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    target: str,
    cycles: tuple[int, int],
    left: tuple[int, int],
    taken: bool,
) -> None:
    model = (work / "model.tflite").read_bytes()

    def compiled(given: bytes, _settings: Any) -> vela.Compiled:
        which = int(given != model)
        operators = (PlacedOperator("CONV_2D", "a", CPU if left[which] else NPU, ""),)
        return vela.Compiled(given, operators, Estimate({}, 1e9, cycles[which], 1, 1, 1))

    # By its name the package has the function, which is called as the module is.
    module = importlib.import_module("tfl_depth.converters.deployment.compile")
    monkeypatch.setattr(module, "compile_model", compiled)
    placed = compile_for_target(model, target, TARGETS[target])
    assert placed.compiled is not None
    assert ("QUANTIZE" in read_facts(placed.compiled).operators) == taken
