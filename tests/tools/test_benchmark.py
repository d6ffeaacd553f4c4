"""tools/benchmark: that it runs and says everything. What it measures is no test's business."""

from __future__ import annotations

import json
import re
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import ramp
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.engines.interpreter import open_interpreter
from tfl_depth.tools import benchmark
from tfl_depth.tools.lib import benchmark_cases, benchmark_start

FLOAT = ramp.file_name(ramp.COMMON, "split", "float32")


@pytest.fixture(autouse=True)
def one_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark_start, "STARTS", 1)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert benchmark.main([*arguments, "--rounds", "2", "--threads", "1"]) == 0
    return capsys.readouterr().out


def test_json_holds_every_time_and_ratio(
    net: Path, models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    without_peers(monkeypatch)
    result = json.loads(run(capsys, str(net), "--float", str(models / FLOAT), "--json"))
    assert (result["rounds"], result["threads"]) == (2, 1)
    assert result["absent"] == {
        "openvino": "openvino is not installed",
        "onnxruntime": "onnxruntime is not installed",
    }
    assert set(result["ratios"]) == set(benchmark.RATIOS) - {
        "openvino / int8",
        "onnxruntime / int8",
    }
    assert all(0 < each["least"] <= each["median"] for each in result["times_ms"].values())
    assert set(result["differences_ms"]) == set(benchmark.DIFFERENCES)
    start = result["start"]
    assert list(start) == [
        *("python_ms", "import_ms", "read_and_contract_ms", "interpreter_ms", "first_depth_ms"),
        *("total_ms", "resident_mib"),
    ]
    assert all(value > 0 for value in start.values())
    assert result["input"] == "64x96"


def test_table_names_what_is_absent(
    net: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    without_peers(monkeypatch)
    table = run(capsys, str(net))
    assert "not measured: onnxruntime" in table
    assert "infer / invoke" in table
    assert "isolate=True, a frame" in table
    (found,) = re.findall(r"^infer {10,}(.*?)\n", table, re.MULTILINE)
    last = re.fullmatch(r"(.*) ms a frame, (\d+) frames a second", table.splitlines()[-1])
    assert last is not None and float(last[1]) == pytest.approx(float(found.split()[0]), abs=0.06)
    assert "float32 / int8" not in table


def without_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> types.ModuleType:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(benchmark_cases, "import_module", absent)


def test_model_that_is_not_float_is_refused(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main([str(net), "--float", str(net)]) == 1
    assert "float32 model, got one of int8" in capsys.readouterr().err


@pytest.mark.parametrize(
    "file", [ramp.file_name(ramp.COMMON), FLOAT, "net.tflite", "net-single.tflite"]
)
def test_usual_way_comes_to_the_same_depth(file: str, models: Path) -> None:
    """Or it would be no match."""
    with DepthRunner(models / file) as runner:
        frame = benchmark_cases.picture(runner.model_size)
        expected: Any = runner.infer(frame).astype(np.int64)
        usual = benchmark_cases.NaivePipeline(
            open_interpreter((models / file).read_bytes()), runner.contract
        )
        np.testing.assert_allclose(usual(frame).depth_mm, expected, atol=1)


def test_recombination_that_is_timed_passes_its_check() -> None:
    timed = benchmark_cases.of_postprocessing()
    for kind in benchmark_cases.SPANS:
        assert timed[f"postprocess, {kind} spans"]() == 0.0
        assert timed[f"postprocess, {kind} spans, some without depth"]() == 0.0


def test_delegate_is_measured_alone(
    net: Path, library: str, capsys: pytest.CaptureFixture[str]
) -> None:
    delegate = ["--delegate", library, "--option", "take=CONV_2D,MAX_POOL_2D", "--strict"]
    result = json.loads(run(capsys, str(net), *delegate, "--json"))
    placement = result["placement"]
    assert placement["taken"] == placement["operators"] > 0
    assert set(result["absent"]) == {"openvino", "onnxruntime"}
    assert not {"usual", "infer, isolated, beside its invoke"} & set(result["times_ms"])
    assert result["ratios"]["infer / invoke"] > 0 < result["start"]["first_depth_ms"]
    table = run(capsys, str(net), *delegate)
    assert f"{placement['taken']} of {placement['operators']} operators" in table


def test_delegate_that_does_not_start_is_one_sentence(
    net: Path, library: str, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(net), "--delegate", library, "--option", "fault=null"]
    assert benchmark.main(arguments) == 1
    printed = capfd.readouterr()
    assert printed.out == "" and printed.err.splitlines()[-1].startswith("error: ")


class Peer:
    """Stands for ONNX Runtime, as far as it is used."""

    intra_op_num_threads = 0
    shape, name = (1, 64, 96, 3), "pixels"

    def get_inputs(self) -> list[Peer]:
        return [self]

    def run(self, _names: None, feed: dict[str, Any]) -> None:
        assert feed["pixels"].shape == self.shape


def with_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("onnxruntime")
    peer = Peer()
    vars(module).update(
        SessionOptions=lambda: peer,
        InferenceSession=lambda *_arguments: peer,
        set_default_logger_severity=lambda _level: None,
    )

    def found(name: str) -> types.ModuleType:
        if name == "onnxruntime":
            return module
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(benchmark_cases, "import_module", found)


def test_peer_that_is_there_is_timed(
    net: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_onnxruntime(monkeypatch)
    monkeypatch.setattr(benchmark_cases, "_as_onnx", lambda _model: b"")
    result = json.loads(run(capsys, str(net), "--json"))
    assert list(result["absent"]) == ["openvino"]
    assert result["ratios"]["onnxruntime / int8"] > 0


def test_peer_whose_converter_is_absent_or_fails_is_left_out_by_name(
    net: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_onnxruntime(monkeypatch)
    monkeypatch.setattr(benchmark_cases, "find_spec", lambda _name: None)
    assert "tf2onnx is not installed" in run(capsys, str(net))
    # A converter of this name that fails.
    monkeypatch.setattr(benchmark_cases, "find_spec", lambda _name: True)
    (tmp_path / "tf2onnx").mkdir()
    (tmp_path / "tf2onnx" / "__init__.py").touch()  # or an installed one would come first
    (tmp_path / "tf2onnx" / "convert.py").write_text("raise SystemExit('no such operator')")
    monkeypatch.syspath_prepend(tmp_path)
    assert "tf2onnx cannot convert net.tflite: no such operator" in run(capsys, str(net))
