"""tools/benchmark: that it runs and says everything. What it measures is no test's business."""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import ramp
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.interpreter import open_interpreter
from tfl_depth.tools import benchmark, contenders

FLOAT = ramp.file_name(ramp.COMMON, "split", "float32")


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
        "openvino": "not installed",
        "onnxruntime": "no file was given for it",
    }
    assert set(result["ratios"]) == set(benchmark.RATIOS) - {
        "openvino / int8",
        "onnxruntime / int8",
    }
    assert all(0 < each["least"] <= each["median"] for each in result["times_ms"].values())
    assert set(result["differences_ms"]) == set(benchmark.DIFFERENCES)
    assert {"python_ms", "import_ms", "open_ms", "first_depth_ms", "resident_mib"} == set(
        result["start"]
    )
    assert all(value > 0 for value in result["start"].values())


def test_table_names_what_is_absent(
    net: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    without_peers(monkeypatch)
    table = run(capsys, str(net), "--onnx", "other.onnx")
    assert "not measured: onnxruntime" in table
    assert "infer / invoke" in table
    assert "isolate=True, a frame" in table
    assert "float32 / int8" not in table


def without_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> types.ModuleType:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(contenders, "import_module", absent)


def test_model_that_is_not_float_is_refused(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main([str(net), "--float", str(net)]) == 1
    assert "float32 model, got one of int8" in capsys.readouterr().err


@pytest.mark.parametrize(
    "file", [ramp.file_name(ramp.COMMON), FLOAT, "net.tflite", "net-single.tflite"]
)
def test_usual_way_comes_to_the_same_depth(file: str, models: Path) -> None:
    """Or it would be no match."""
    with DepthRunner(models / file) as runner:
        frame = contenders.picture(runner.model_size)
        expected: Any = runner.infer(frame).astype(np.int64)
        usual = contenders.Usual(open_interpreter((models / file).read_bytes()), runner.contract)
        np.testing.assert_allclose(usual(frame).depth_mm, expected, atol=1)


def test_recombination_that_is_timed_passes_its_check() -> None:
    timed = contenders.of_recombination()
    for kind in contenders.SPANS:
        assert timed[f"self-check, {kind} spans"]() == 0.0
        assert timed[f"self-check, {kind} spans, some without depth"]() == 0.0
