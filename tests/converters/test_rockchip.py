"""Rockchip's compiler, which a stand-in takes the place of: a package `rknn` in its own process."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from tests.support import ramp
from tfl_depth.converters.deployment import compile_for_target, rockchip
from tfl_depth.converters.deployment.placement import UNKNOWN
from tfl_depth.converters.deployment.rockchip import contract_beside
from tfl_depth.converters.tflite_file import parse_tflite, serialize_tflite
from tfl_depth.errors import ConversionError, InterpreterError
from tfl_depth.format.contract import Contract, read_contract
from tfl_depth.proof import ENGINES
from tfl_depth.runtime.rknn_outputs import decode_rknn
from tfl_depth.targets import TARGETS, RockchipSettings, Target
from tfl_depth.tools.placement import main

# Calls in another order, or with other arguments, are refused.
TOOLKIT = """
class RKNN:
    def __init__(self, verbose):
        self.done = []
        print("I rknn-toolkit2 version: 2.5.0")

    def config(self, target_platform):
        self.done.append("config")
        return 0 if target_platform in ("rk3588", "rk3576", "rk3568") else -1

    def load_tflite(self, model):
        self.model = open(model, "rb").read()
        self.done.append("load")
        return 0

    def build(self, do_quantization):
        assert not do_quantization
        self.done.append("build")
        return 0

    def export_rknn(self, path):
        assert self.done == ["config", "load", "build"], self.done
        open(path, "wb").write(b"RKNN" + self.model[::-1])
        return 0
"""


@pytest.fixture
def model(models: Path) -> bytes:
    return (models / ramp.file_name("10m-1m")).read_bytes()


@pytest.fixture
def python(tmp_path: Path) -> str:
    """The Python of an environment with the stand-in."""
    (tmp_path / "rknn").mkdir()
    (tmp_path / "rknn" / "__init__.py").touch()
    (tmp_path / "rknn" / "api.py").write_text(TOOLKIT)
    about = tmp_path / "rknn_toolkit2-2.5.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Name: rknn-toolkit2\nVersion: 2.5.0\n")
    return starter(tmp_path / "python", f"PYTHONPATH={tmp_path} exec {sys.executable} -S")


def starter(path: Path, command: str) -> str:
    path.write_text(f'#!/bin/sh\n{command} "$@"\n')
    path.chmod(0o755)
    return str(path)


def target(python: str, platform: str = "rk3588") -> Target:
    return replace(TARGETS["rk3588"], rockchip=RockchipSettings(platform, python))


def test_the_compiled_file_has_its_contract_beside_it(model: bytes, python: str) -> None:
    made = compile_for_target(model, "rk3588", target(python))
    assert made.compiled == b"RKNN" + model[::-1]
    assert made.placement.source == "rknn-toolkit2 2.5.0"
    assert {each.place for each in made.placement.operators} == {UNKNOWN}
    beside = contract_beside(read_contract(model), made.compiled)
    assert Contract.from_json(beside) == read_contract(model)
    assert json.loads(beside)["sha256"] == sha256(made.compiled).hexdigest()


def test_outputs_become_millimeters_as_bytes_and_as_floats(model: bytes) -> None:
    contract = read_contract(model)
    with ENGINES["reference"].open(model) as engine:
        found = engine.run(ramp.image())
        scales = engine.tensors.scales
    outputs = [found[name] for name in contract.output_names]
    floats = [
        (found[name].astype(np.float32) - scales[name][1]) * np.float32(scales[name][0])
        for name in contract.output_names
    ]
    depth_mm = decode_rknn(contract, outputs)
    np.testing.assert_array_equal(decode_rknn(contract, floats), depth_mm)
    exact_mm = 1000 * ramp.depth_m(contract.spans)
    assert np.abs(depth_mm - exact_mm)[depth_mm > 0].max() < contract.spans.steps_mm[0]
    with pytest.raises(InterpreterError, match="contradict each other"):
        decode_rknn(contract, outputs[::-1])
    with pytest.raises(InterpreterError, match="got int16"):
        decode_rknn(contract, [each.astype(np.int16) for each in outputs])


def test_what_the_toolkit_refuses_is_told(model: bytes, python: str) -> None:
    with pytest.raises(ConversionError, match="Its message: error: config failed"):
        compile_for_target(model, "rk3588", target(python, "rk1"))


def test_a_python_without_the_toolkit_is_told(model: bytes, tmp_path: Path) -> None:
    bare = starter(tmp_path / "bare", f"exec {sys.executable} -S")
    with pytest.raises(ConversionError, match=r"has no rknn-toolkit2: .* -m pip install"):
        compile_for_target(model, "rk3588", target(bare))
    with pytest.raises(ConversionError, match="does not start: No such file"):
        compile_for_target(model, "rk3588", target(str(tmp_path / "absent")))


def test_a_toolkit_that_hangs_is_stopped(
    model: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rockchip, "TIME_LIMIT_S", 0.2)
    hangs = starter(tmp_path / "hangs", "exec sleep 60 #")
    with pytest.raises(ConversionError, match=r"more than 0\.2 s for rk3588"):
        compile_for_target(model, "rk3588", target(hangs))


def test_a_tensor_that_is_joined_to_itself_is_refused(models: Path, python: str) -> None:
    """rknn-toolkit2 2.5 crashes on it. No file of the converter has one."""
    edited = parse_tflite((models / "ramp-sigmoid-per-tensor.tflite").read_bytes())
    (join,) = (each for each in edited.subgraphs[0].operators if len(each.inputs) > 3)
    join.inputs = [join.inputs[0], join.inputs[0], *join.inputs[2:]]
    with pytest.raises(ConversionError, match="reads a tensor twice"):
        rockchip.compile_rknn(serialize_tflite(edited), "rk3588", python)


def test_the_option_is_of_rockchip_alone(
    models: Path, python: str, capsys: pytest.CaptureFixture[str]
) -> None:
    call = [str(models / ramp.file_name("10m-1m")), "--rknn-python", python, "--target"]
    assert main([*call, "rk3568"]) == 0
    assert "rknn-toolkit2 2.5.0" in capsys.readouterr().out
    assert main([*call, "coral"]) == 1
    assert "leave out --rknn-python" in capsys.readouterr().err
