"""Programs for a Hexagon in ONNX Runtime: on x86, where Qualcomm's library emulates it
(make qnn-test). Not on a board."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support import ramp
from tfl_depth import child
from tfl_depth.errors import DelegateError, ModelFileError
from tfl_depth.format.contract import read_contract
from tfl_depth.format.htp_program import HtpProgram, read_htp_program
from tfl_depth.runtime import DelegateCoverage, DepthRunner
from tfl_depth.runtime.delegates import Board, SelectedDelegate, select_delegate
from tfl_depth.runtime.delegates.auto_match import compiled_for
from tfl_depth.runtime.delegates.model_traits import ModelTraits
from tfl_depth.runtime.delegates.spec import ONNXRUNTIME_QNN
from tfl_depth.runtime.delegates.table import TABLE
from tfl_depth.runtime.engines import onnxruntime_qnn
from tfl_depth.runtime.engines.engine import EngineConfig
from tfl_depth.runtime.engines.ep_context import ContextTensor, ep_context_file

NAME = ONNXRUNTIME_QNN
# Beside half a step of the code, at a boundary of two spans of 17 codes.
BOUNDARY_MM = 8.0

with_qnn = pytest.mark.skipif(
    find_spec("onnxruntime_qnn") is None, reason="Needs Qualcomm's libraries: make qnn-test."
)


@pytest.fixture(scope="session")
def compiled(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The file that --target qnn-sm8650 writes for a model, by its name."""
    from tfl_depth.converters.deployment.qnn import compile_for_htp

    folder = tmp_path_factory.mktemp("compiled")

    def compile_once(name: str) -> Path:
        path = folder / f"{name}_qnn.tflite"
        if not path.exists():
            model = (models / f"{name}.tflite").read_bytes()
            path.write_bytes(compile_for_htp(model, "SM8650").model)
        return path

    return compile_once


@with_qnn
@pytest.mark.parametrize("isolate", [False, True])
@pytest.mark.parametrize("file", ["net", "net-single"])
def test_it_computes_the_millimeters(
    file: str,
    isolate: bool,
    compiled: Callable[[str], Path],
    models: Path,
    photo: npt.NDArray[np.uint8],
) -> None:
    """Within what an HTP rounds differently: some codes of 3.9 mm, or one of 39 mm."""
    options: dict[str, Any] = {"delegate": NAME, "strict": True, "isolate": isolate}
    with DepthRunner(compiled(file), **options) as runner:
        assert runner.delegate_coverage == DelegateCoverage(NAME, 1, 1, 1, {})
        depth_mm = runner.infer(photo, size="model").astype(np.int64)
        assert np.array_equal(runner.infer(photo, size="model"), depth_mm)
    with DepthRunner(models / f"{file}.tflite") as usual:
        difference_mm = np.abs(depth_mm - usual.infer(photo, size="model"))
    assert np.median(difference_mm) <= 8
    assert difference_mm.max() <= 45


@with_qnn
@pytest.mark.parametrize("file", ["net", "net-single"])
def test_it_is_proved_right(file: str, compiled: Callable[[str], Path]) -> None:
    with DepthRunner(compiled(file), delegate="auto", strict=True) as runner:
        assert runner.delegate_coverage.delegate == NAME
        proof = runner.prove()
    assert (proof.verdict, proof.fallback, proof.byte_for_byte) == ("right", None, False), proof


@with_qnn
def test_every_depth_of_a_ramp_is_near(compiled: Callable[[str], Path]) -> None:
    split = ramp.SPANS[ramp.COMMON]
    name = Path(ramp.file_name(ramp.COMMON)).stem
    with DepthRunner(compiled(name), delegate=NAME) as runner:
        depth_mm = runner.infer(ramp.image(), size="model", channels="rgb").astype(np.float64)
    error_mm = np.abs(depth_mm - 1000 * ramp.depth_m(split))
    assert error_mm.max() <= split.steps_mm[0] / 2 + BOUNDARY_MM + 0.5
    assert np.median(error_mm) <= 1.5


@with_qnn
def test_it_computes_what_the_engine_of_proof_does(
    compiled: Callable[[str], Path], net: Path
) -> None:
    """On the same golden photos: the distance from the reference kernels is the same."""
    from tfl_depth.proof import prove_by

    with DepthRunner(compiled("net"), delegate=NAME) as runner:
        here = runner.prove()
    there = prove_by("qnn-htp", net)
    assert np.array_equal(here.error_mm, there.error_mm)


@with_qnn
def test_the_cpu_continues_with_the_portable_model(
    compiled: Callable[[str], Path],
    net: Path,
    photo: npt.NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the DSP restarted")

    with (
        DepthRunner(compiled("net"), delegate=NAME, on_fault="cpu", fallback_model=net) as runner,
        DepthRunner(net) as usual,
    ):
        monkeypatch.setattr(onnxruntime_qnn.HtpSession, "run", fail)
        with pytest.warns(UserWarning, match=r"onnxruntime-qnn failed at a frame: the DSP"):
            depth_mm = runner.infer(photo)
        assert np.array_equal(depth_mm, usual.infer(photo))


@with_qnn
def test_it_says_what_a_compiled_model_needs(
    compiled: Callable[[str], Path], tmp_path: Path
) -> None:
    model = compiled("net").read_bytes()
    with pytest.raises(DelegateError, match=r"for the delegate onnxruntime-qnn.*pip install onnxr"):
        select_delegate("auto", {}, model, board=Board(tmp_path))
    with pytest.raises(DelegateError, match=r"litert-npu cannot run it\. Use onnxruntime-qnn"):
        select_delegate("litert-npu", {}, model)


@with_qnn
def test_a_damaged_program_is_one_sentence(compiled: Callable[[str], Path]) -> None:
    model = compiled("net").read_bytes()
    program = read_htp_program(model)
    assert program.chip == "SM8650"
    file = onnx_file(HtpProgram(program.name, program.content[:999]))
    with pytest.raises(DelegateError, match=r"cannot run this model .*compiled for SM8650: check"):
        onnxruntime_qnn._open(file, program.chip, {})


@with_qnn
def test_options_are_those_of_the_table(compiled: Callable[[str], Path]) -> None:
    given = {"htp_performance_mode": "burst", "qnn_context_priority": "high"}
    with DepthRunner(compiled("net"), delegate=NAME, delegate_options=given) as runner:
        assert runner.prove().verdict == "right"
    with pytest.raises(DelegateError, match=r"options of the delegate onnxruntime-qnn \(htp_perf"):
        DepthRunner(compiled("net"), delegate=NAME, delegate_options={"speed": "1"})


@with_qnn
def test_a_commands_json_is_nothing_but_json(compiled: Callable[[str], Path]) -> None:
    """Qualcomm's library prints a line when it is loaded, once in a process."""
    code = "from tfl_depth.tools.prove import main; sys.exit(main(sys.argv[1:]))"
    command = child.run_code(code, compiled("net"), "--delegate", NAME, "--json")
    done = subprocess.run(
        command, env=child.environment(), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["verdict"] == "right"


@with_qnn
def test_doctor_runs_a_compiled_model(compiled: Callable[[str], Path]) -> None:
    from tfl_depth.diagnostics.doctor_report import examine_board

    found = examine_board(Board(), compiled("net"), 60.0)
    (run,) = found["runs"]
    assert (run["delegate"], run["state"], run["taken"]) == (NAME, "works", 1)
    (row,) = (each for each in found["delegates"] if each["name"] == NAME)
    assert row["state"] == "unprobed"
    assert row["library"].endswith("libonnxruntime_providers_qnn.so")
    assert found["runnable"]


# Without Qualcomm's libraries


def onnx_file(program: HtpProgram) -> bytes:
    return ep_context_file(
        program, ContextTensor("image", (1, 2, 300, 3)), [ContextTensor("integer", (1, 2, 300, 1))]
    )


def test_the_file_has_the_fields_of_onnx() -> None:
    """As protoc would decode them: field numbers and values, one level after the other."""
    content = bytes(range(256)) * 2
    model = fields(onnx_file(HtpProgram("qnn_graph", content)))
    assert model[1] == [8]
    versions = [fields(each) for each in model[8]]
    assert versions == [{2: [17]}, {1: [b"com.microsoft"], 2: [1]}]
    graph = fields(model[7][0])
    assert graph[2] == [b"qnn_graph"]
    node = fields(graph[1][0])
    assert (node[1], node[2], node[4], node[7]) == (
        [b"image"],
        [b"integer"],
        [b"EPContext"],
        [b"com.microsoft"],
    )
    attributes = {each[1][0]: each for each in map(fields, node[5])}
    assert attributes[b"embed_mode"] == {1: [b"embed_mode"], 3: [1], 20: [2]}
    assert attributes[b"ep_cache_context"][4] == [content]
    tensor = fields(fields(fields(graph[11][0])[2][0])[1][0])
    assert tensor[1] == [3]
    sides = [fields(each)[1][0] for each in fields(tensor[2][0])[1]]
    assert sides == [1, 2, 300, 3]


def fields(content: bytes) -> dict[int, list[Any]]:
    """The fields of a message of protobuf: numbers, and the bytes of all else."""
    found: dict[int, list[Any]] = {}
    place = 0

    def number() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = content[place]
            place, value, shift = place + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while place < len(content):
        key = number()
        value: Any = number()
        if key & 7:
            value, place = content[place : place + value], place + value
        found.setdefault(key >> 3, []).append(value)
    return found


def test_a_portable_file_has_no_program(net: Path) -> None:
    with pytest.raises(ModelFileError, match=r"Expected one program of the NPU .*5 operators"):
        read_htp_program(net.read_bytes())


def test_a_portable_model_does_not_go_to_the_npu(net: Path) -> None:
    """Before Qualcomm's packages are needed."""
    model = net.read_bytes()
    chosen = SelectedDelegate(NAME, None, {}, {}, "")
    config = EngineConfig(model, read_contract(model), chosen, None, False)
    with pytest.raises(ModelFileError, match=r"tfl-depth convert --target qnn-"):
        onnxruntime_qnn.OnnxruntimeQnnEngine(config, chosen)


def dispatched(models: Path) -> bytes:
    """A file with LiteRT's operator and the options of another compiler."""
    model = (models / "net-vela.tflite").read_bytes()
    place = model.index(b"\x07\0\0\0ethos-u\0")
    name = b"DISPATCH_OP"
    return model[:place] + len(name).to_bytes(4, "little") + name + b"\0" + model[place + 16 :]


def test_other_options_are_a_damaged_file(models: Path) -> None:
    with pytest.raises(ModelFileError, match="damaged"):
        read_htp_program(dispatched(models))


def test_a_compiled_model_is_for_its_makers_delegate() -> None:
    """LiteRT's compilers for all makers write the same operator."""
    for maker, name in (("Qualcomm", NAME), ("IntelOpenVINO", "litert-npu"), ("", "litert-npu")):
        traits = ModelTraits(frozenset({"DISPATCH_OP"}), per_channel=False, maker=maker)
        assert [*compiled_for(TABLE, traits)] == [name]


def test_without_the_packages_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DelegateError, match=r"needs the package onnxruntime.*pip install onnxr"):
        onnxruntime_qnn._open(b"", "SM8650", {})


def test_without_a_hexagon_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on an arm64 machine without FastRPC: ONNX Runtime then names no device."""
    registered: list[tuple[str, str]] = []
    runtime = SimpleNamespace(
        OrtHardwareDeviceType=SimpleNamespace(NPU=2, CPU=0),
        get_ep_devices=list,
        register_execution_provider_library=lambda *named: registered.append(named),
    )
    qnn = SimpleNamespace(get_ep_name=lambda: "QNN", get_library_path=lambda: "lib")
    for name, module in (("onnxruntime", runtime), ("onnxruntime_qnn", qnn)):
        monkeypatch.setitem(sys.modules, name, module_of(name, module))
    with pytest.raises(DelegateError, match=r"no Hexagon here\. Check .*/dev/fastrpc-cdsp"):
        onnxruntime_qnn._open(b"", "SM8650", {})
    assert registered == [("QNN", "lib")]


def module_of(name: str, content: SimpleNamespace) -> ModuleType:
    module = ModuleType(name)
    module.__dict__.update(vars(content))
    return module


class Settings:
    """Stands for ONNX Runtime's options of a session, and keeps them."""

    def __init__(self) -> None:
        self.log_severity_level = 0
        self.entries: dict[str, str] = {}
        self.devices: list[tuple[list[Any], dict[str, str]]] = []

    def add_session_config_entry(self, key: str, value: str) -> None:
        self.entries[key] = value

    def add_provider_for_devices(self, devices: list[Any], options: dict[str, str]) -> None:
        self.devices.append((devices, options))


def device(kind: int, provider: str = "QNN") -> SimpleNamespace:
    return SimpleNamespace(ep_name=provider, device=SimpleNamespace(type=kind))


@pytest.fixture
def board_with(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes ONNX Runtime find these devices, and open sessions with a function."""

    def install(devices: list[SimpleNamespace], session: Callable[..., Any]) -> None:
        runtime = SimpleNamespace(
            OrtHardwareDeviceType=SimpleNamespace(NPU=2, CPU=0),
            get_ep_devices=lambda: devices,
            SessionOptions=Settings,
            InferenceSession=session,
        )
        qnn = SimpleNamespace(get_ep_name=lambda: "QNN", get_qnn_htp_path=lambda: "libQnnHtp.so")
        for name, module in (("onnxruntime", runtime), ("onnxruntime_qnn", qnn)):
            monkeypatch.setitem(sys.modules, name, module_of(name, module))

    return install


def test_the_npu_runs_it_and_no_cpu(board_with: Callable[..., None]) -> None:
    """Devices of other providers, and the CPU that would emulate the NPU, are there as well."""
    npu = device(2)
    board_with([device(2, "other"), device(0), npu], lambda *given: given)
    file, settings = onnxruntime_qnn._open(b"file", "SM8650", {"htp_performance_mode": "burst"})
    assert file == b"file"
    assert settings.entries == {"session.disable_cpu_ep_fallback": "1"}
    options = {"backend_path": "libQnnHtp.so", "htp_performance_mode": "burst"}
    assert settings.devices == [([npu], options)]


@pytest.mark.parametrize(("chip", "said"), [("SM8650", "SM8650"), ("", "a chip that it does not")])
def test_a_program_of_another_chip_is_one_sentence(
    chip: str, said: str, board_with: Callable[..., None]
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("Failed to create context\n  from binary. Error code: 5000.")

    board_with([device(2)], refuse)
    with pytest.raises(DelegateError, match=rf"compiled for {said}.*: check that it is") as raised:
        onnxruntime_qnn._open(b"file", chip, {})
    assert "(Failed to create context from binary. Error code: 5000)" in str(raised.value)


def test_native_prints_go_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    with onnxruntime_qnn._output_with_errors():
        os.write(1, b"Qualcomm's line\n")
    os.write(1, b"the command's line\n")
    assert capfd.readouterr() == ("the command's line\n", "Qualcomm's line\n")


def test_prints_of_a_session_that_fails_end_as_well(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), onnxruntime_qnn._output_with_errors():
        raise RuntimeError
    os.write(1, b"the command's line\n")
    assert capfd.readouterr() == ("the command's line\n", "")


def test_closed_standard_output_is_no_error() -> None:
    """As of a service that has been started without one."""
    code = """
import os
from tfl_depth.runtime.engines.onnxruntime_qnn import _output_with_errors
os.close(1)
with _output_with_errors():
    os.write(2, b"opened")
"""
    done = subprocess.run(
        child.run_code(code), env=child.environment(), capture_output=True, text=True, check=True
    )
    assert done.stderr == "opened"
