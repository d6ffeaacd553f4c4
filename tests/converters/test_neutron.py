"""NXP's Neutron compiler, which a stand-in takes the place of: a process with its arguments."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils

from tests.support import ramp
from tfl_depth.converters.deployment import compile_for_target, neutron
from tfl_depth.converters.deployment.placement import CPU, NPU
from tfl_depth.converters.tflite_facts import read_facts
from tfl_depth.errors import ConversionError
from tfl_depth.format.contract import read_contract
from tfl_depth.runtime import DelegateRequiredError, DepthRunner
from tfl_depth.targets import TARGETS, NeutronSettings, Target
from tfl_depth.tools.placement import main

# Checks what it is called with, and writes the file that STAND_IN_RESULT names.
COMPILER = """#!{python}
import os, pathlib, shutil, sys
(_, given, source, wanted, result, named, target) = sys.argv
assert (given, wanted, named) == ("--input", "--output", "--target"), sys.argv
assert pathlib.Path(source).read_bytes() == pathlib.Path({model!r}).read_bytes()
if target != "imx95":
    sys.exit("Error: unknown target " + target)
shutil.copy({compiled!r}, result)
"""
# Stands for a Python that has the package.
PYTHON = """#!/bin/sh
for last; do :; done
[ "$last" = eiq-neutron-sdk ] && echo 3.3.0 || exit 1
"""


@pytest.fixture
def model(models: Path) -> Path:
    return models / ramp.file_name("10m-1m")


def compiled_by_stand_in(model: bytes, *, rename: bool = False) -> bytes:
    """What the compiler would make: the first two operators in one of its own, no signature.

    It drops the signature, turns the outputs round and forgets the contract's digest.
    """
    edited = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    graph = edited.subgraphs[0]
    first, second = graph.operators[:2]
    code = type(edited.operatorCodes[0])()
    code.builtinCode, code.deprecatedBuiltinCode, code.customCode = 32, 32, b"NeutronGraph"
    edited.operatorCodes.append(code)
    first.opcodeIndex = len(edited.operatorCodes) - 1
    first.builtinOptionsType, first.builtinOptions = 0, None
    kept = {int(index) for index in graph.outputs}
    first.outputs = [*second.outputs, *(each for each in first.outputs if int(each) in kept)]
    graph.operators.remove(second)
    graph.outputs = np.array(list(graph.outputs)[::-1], np.int32)
    edited.signatureDefs = []
    if rename:
        for index in graph.outputs:
            graph.tensors[index].name = f"npu_{index}".encode()
    return bytes(flatbuffer_utils.convert_object_to_bytearray(edited))


@pytest.fixture
def settings(model: Path, tmp_path: Path) -> NeutronSettings:
    return installed(model, tmp_path, compiled_by_stand_in(model.read_bytes()))


def installed(model: Path, folder: Path, result: bytes) -> NeutronSettings:
    """An environment with the stand-in, which gives `result` for `model`."""
    (folder / "compiled").write_bytes(result)
    texts = {
        "python": PYTHON,
        "neutron-converter": COMPILER.format(
            python=sys.executable, model=str(model), compiled=str(folder / "compiled")
        ),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return NeutronSettings("imx95", "eiq-neutron-sdk", "3.3.0", str(folder / "python"))


def target(settings: NeutronSettings) -> Target:

    return replace(TARGETS["imx95"], neutron=settings)


def test_the_compiled_file_has_the_names_and_the_contract(
    model: Path, settings: NeutronSettings, tmp_path: Path
) -> None:
    content = model.read_bytes()
    made = compile_for_target(content, "imx95", target(settings))
    assert made.compiled is not None
    before, after = read_facts(content), read_facts(made.compiled)
    assert after.inputs == before.inputs
    assert {each.name: each for each in after.outputs} == {e.name: e for e in before.outputs}
    assert read_contract(made.compiled) == read_contract(content)
    places = [operator.place for operator in made.placement.operators]
    assert places == [NPU, NPU, *[CPU] * (len(places) - 2)]
    assert made.placement.source == "eiq-neutron-sdk 3.3.0"
    (tmp_path / "compiled.tflite").write_bytes(made.compiled)
    # The runtime reads the contract, finds the tensors, and knows whose file it is.
    with pytest.raises(DelegateRequiredError, match="NeutronGraph"):
        DepthRunner(tmp_path / "compiled.tflite")


def test_the_command_takes_the_package_and_its_python(
    model: Path, settings: NeutronSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    call = [str(model), "--target", "imx95", "--neutron-python", settings.python, "--json"]
    assert main([*call, "--neutron", "eiq-neutron-sdk==3.3.0"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["totals"]["npu"] == 2
    assert main([*call, "--neutron", "eiq-neutron-sdk==3.2.2"]) == 1
    assert "Expected version 3.2.2 of NXP's eiq-neutron-sdk" in capsys.readouterr().err
    assert main([*call, "--neutron", "another-sdk==1.0"]) == 1
    assert "NXP's another-sdk is not installed" in capsys.readouterr().err
    assert main([str(model), "--target", "coral", "--neutron", "eiq-neutron-sdk==3.3.0"]) == 1
    assert "leave out --neutron" in capsys.readouterr().err


def test_a_python_that_hangs_is_stopped(
    model: Path, settings: NeutronSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(settings.python).write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(neutron, "VERSION_LIMIT_S", 0.2)
    with pytest.raises(ConversionError, match=r"did not report within 0\.2 s"):
        compile_for_target(model.read_bytes(), "imx95", target(settings))


def test_what_the_compiler_says_is_told(model: Path, settings: NeutronSettings) -> None:

    with pytest.raises(ConversionError, match="Its message: Error: unknown target imx93"):
        compile_for_target(model.read_bytes(), "imx95", target(replace(settings, target="imx93")))


def test_tensors_of_other_names_are_refused(model: Path, tmp_path: Path) -> None:
    renamed = compiled_by_stand_in(model.read_bytes(), rename=True)
    with pytest.raises(ConversionError, match="none of the outputs is called"):
        compile_for_target(model.read_bytes(), "imx95", target(installed(model, tmp_path, renamed)))


def test_a_compiler_that_is_not_there_is_said(model: Path, settings: NeutronSettings) -> None:
    Path(settings.python).with_name("neutron-converter").unlink()
    with pytest.raises(ConversionError, match="there is none of neutron-converter"):
        compile_for_target(model.read_bytes(), "imx95", target(settings))
    Path(settings.python).unlink()
    with pytest.raises(ConversionError, match="does not start"):
        compile_for_target(model.read_bytes(), "imx95", target(settings))
