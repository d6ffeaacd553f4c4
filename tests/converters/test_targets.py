"""Targets: the table of them, and what `tools/convert --target` makes for one."""

from __future__ import annotations

import json
import re
from configparser import ConfigParser
from pathlib import Path

import cv2
import ethosu
import pytest

from tests.support.small_net import run_convert, write_examples
from tfl_depth.converters.tflite_facts import TensorSpec, read_facts, read_operators
from tfl_depth.converters.verify import check_integer_file
from tfl_depth.errors import ConversionError, DelegateRequiredError
from tfl_depth.format.contract import read_contract
from tfl_depth.format.contract_place import find_contract
from tfl_depth.runtime import DepthRunner
from tfl_depth.targets import PER_TENSOR, TARGETS
from tfl_depth.tools.convert import main

INT8 = ("--int8", "--max-depth", "10")
ETHOS = {name: target.vela for name, target in TARGETS.items() if target.vela is not None}


# The table


def test_the_help_says_what_each_target_means(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = capsys.readouterr().out
    for name, target in TARGETS.items():
        (line,) = (line for line in printed.splitlines() if line.split()[:1] == [name])
        assert target.title in line


def test_every_ethos_that_vela_knows_is_a_target() -> None:
    sizes = {
        "u55": (32, 64, 128, 256),
        "u65": (256, 512),
        "u85": (128, 256, 512, 1024, 2048),
    }
    names = {f"ethos-{kind}-{size}" for kind, each in sizes.items() for size in each}
    assert set(ETHOS) == names | {"imx93"}


@pytest.mark.parametrize("target", ETHOS)
def test_vela_has_the_configuration_of_a_target(target: str) -> None:
    settings = ETHOS[target]
    assert settings is not None
    (folder,) = ethosu.__path__
    config = ConfigParser()
    config.read(Path(folder, "config_files", settings.config))
    assert f"System_Config.{settings.system_config}" in config
    assert f"Memory_Mode.{settings.memory_mode}" in config


def test_what_runs_on_an_npu_names_its_delegate_and_its_source() -> None:
    for name, target in TARGETS.items():
        assert target.has_npu == (name != "cpu")
        assert target.source.startswith("https://") == (name != "cpu")


# What is made for a target


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_examples(tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="module")
def ethos(work: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model for an Ethos-U55."""
    folder = tmp_path_factory.mktemp("ethos")
    assert run_convert(work, folder, *INT8, "--target", "ethos-u55-128", "--strict-placement") == 0
    return folder


def test_the_compiled_model_lies_beside_the_portable_one(ethos: Path) -> None:
    assert sorted(path.name for path in ethos.iterdir()) == [
        "model.json",
        "model.tflite",
        "model_placement.json",
        "model_placement.png",
        "model_vela.tflite",
    ]


def test_compiling_keeps_the_contract(ethos: Path) -> None:
    portable, compiled = (
        (ethos / name).read_bytes() for name in ("model.tflite", "model_vela.tflite")
    )
    assert read_contract(compiled) == read_contract(portable)
    # The digest is of the compiled file itself.
    digests = [_digest(content) for content in (portable, compiled)]
    assert digests[0] != digests[1]


def _digest(content: bytes) -> str:
    found = find_contract(content)
    assert found is not None
    read_contract(content)  # which checks it
    start, length = found
    return str(json.loads(content[start : start + length])["sha256"])


def test_compiling_keeps_the_tensors_in_and_out_with_their_names(ethos: Path) -> None:
    portable, compiled = (
        read_facts((ethos / name).read_bytes()) for name in ("model.tflite", "model_vela.tflite")
    )
    assert compiled.operators == {"CUSTOM ethos-u": 1}
    assert compiled.inputs == portable.inputs == (TensorSpec("pixels", (1, 64, 96, 3), "int8"),)
    by_name = {door.name: door for door in compiled.outputs}
    assert by_name == {door.name: door for door in portable.outputs}
    assert set(by_name) == {"integer", "fractional"}


def test_the_runtime_takes_the_compiled_file_for_what_it_is(ethos: Path) -> None:
    with pytest.raises(DelegateRequiredError):
        DepthRunner(ethos / "model_vela.tflite")


def test_the_report_says_where_each_operator_runs(ethos: Path) -> None:
    report = json.loads((ethos / "model_placement.json").read_text())
    graph = read_facts((ethos / "model.tflite").read_bytes())
    count = sum(graph.operators.values())
    assert report["totals"] == {"operators": count, "npu": count, "cpu": 0, "gpu": 0, "unknown": 0}
    assert report["macs"] == graph.macs
    assert report["estimate"]["configuration"] == {
        "accelerator": "ethos-u55-128",
        "config": "Arm/vela.ini",
        "system_config": "Ethos_U55_High_End_Embedded",
        "memory_mode": "Shared_Sram",
    }
    picture = cv2.imread(str(ethos / "model_placement.png"))
    assert picture is not None
    assert picture.std() > 10


def test_a_compiler_that_cannot_run_here_is_named_with_its_arguments(
    work: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_convert(work, tmp_path, *INT8, "--target", "imx95") == 0
    line = capfd.readouterr().out.splitlines()[-1]
    stem = tmp_path / "model"
    assert line.partition(":")[2].strip() == (
        f"neutron-converter --input {stem}.tflite --output {stem}_neutron.tflite --target imx95"
    )
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["model.json", "model.tflite", "model_placement.json"]
    assert json.loads((tmp_path / "model.json").read_text())["target"] == "imx95"


def kernel_scales(path: Path) -> set[int]:
    """How many scales the kernels of a model have."""
    operators = read_operators(path.read_bytes())
    return {len(operator.weight_scales) for operator in operators} - {0}


def test_per_tensor_targets_get_one_scale_a_kernel(work: Path, ethos: Path, tmp_path: Path) -> None:
    assert max(kernel_scales(ethos / "model.tflite")) == 12
    assert run_convert(work, tmp_path, *INT8, "--target", "teflon") == 0
    assert kernel_scales(tmp_path / "model.tflite") == {1}
    assert {name for name, target in TARGETS.items() if target.weights == PER_TENSOR} == {
        "stm32mp2",
        "teflon",
    }
    # The split stays exact: its filters are all equal.
    contract = read_contract((tmp_path / "model.tflite").read_bytes())
    assert contract.verification["wrap_share"] < 0.02


def test_a_kernel_with_several_scales_is_not_taken_for_per_tensor(ethos: Path) -> None:
    content = (ethos / "model.tflite").read_bytes()
    with pytest.raises(ConversionError, match="Expected per-tensor weights"):
        check_integer_file(content, read_contract(content), per_channel=False)


# Refusals


REFUSALS: dict[str, tuple[tuple[str, ...], str]] = {
    "float for an NPU": (("--float32", "--target", "coral"), "coral takes int8, not float32"),
    "Vela's settings for another": (
        ("--int8", "--target", "coral", "--memory-mode", "Sram_Only"),
        "coral is not compiled by Vela",
    ),
    "strict without an NPU": (("--int8", "--strict-placement"), "needs a --target with an NPU"),
    "a memory mode that Vela lacks": (
        ("--int8", "--target", "ethos-u55-32", "--memory-mode", "Large"),
        "Vela cannot compile for ethos-u55-32 .*Memory_Mode.Large not found",
    ),
    "a configuration file that is not there": (
        ("--int8", "--target", "ethos-u55-32", "--vela-config", "nowhere.ini"),
        "Vela cannot compile for ethos-u55-32 .*nowhere.ini",
    ),
}


@pytest.mark.parametrize(("arguments", "words"), REFUSALS.values(), ids=REFUSALS)
def test_refusals_write_nothing(
    work: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
) -> None:
    assert run_convert(work, tmp_path, *arguments) == 1
    # Where Vela is what refuses, the conversion before it warns of few photos.
    *others, error = capfd.readouterr().err.splitlines()
    warnings = [line for line in others if not line.startswith(("log: ", "step "))]
    assert all(line.startswith("warning: There are only 12 photos") for line in warnings), warnings
    assert re.search(words, error), error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["model_vela.tflite", "model_placement.json"])
def test_files_beside_the_model_are_not_replaced_unasked(
    work: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / name).write_text("old")
    assert run_convert(work, tmp_path, *INT8, "--target", "ethos-u55-128") == 1
    assert f"{name} exists" in capfd.readouterr().err
    assert (tmp_path / name).read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1
