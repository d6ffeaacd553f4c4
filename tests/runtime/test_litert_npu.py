"""LiteRT's dispatch to an NPU, run for real: by OpenVINO on its CPU device (make openvino-test)."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support import ramp
from tfl_depth.format.contract import read_contract
from tfl_depth.format.golden import read_golden
from tfl_depth.runtime import (
    ContractError,
    DelegateCoverage,
    DelegateError,
    DepthError,
    DepthRunner,
    ProofError,
    SelfCheckError,
)
from tfl_depth.runtime.delegates import SelectedDelegate
from tfl_depth.runtime.delegates.spec import LITERT_NPU
from tfl_depth.runtime.engines import litert_npu
from tfl_depth.runtime.engines.engine import EngineConfig

CPU = {"graph_backend": "CPU"}
CPU_INFO = Path("/proc/cpuinfo")
PLUGIN = "vendors/intel_openvino/compiler/libLiteRtCompilerPlugin_IntelOpenvino.so"


def openvino_is_installed() -> bool:
    spec = importlib.util.find_spec("ai_edge_litert")
    if spec is None or not spec.submodule_search_locations:
        return False
    try:
        ctypes.CDLL(str(Path(spec.submodule_search_locations[0], PLUGIN)))
    except OSError:
        return False
    return True


with_openvino = pytest.mark.skipif(
    not openvino_is_installed(), reason="Needs ai-edge-litert and openvino: make openvino-test."
)


@with_openvino
@pytest.mark.parametrize("isolate", [False, True])
@pytest.mark.parametrize("file", ["net", "net-single", "ramp-15m-1m-split-int8"])
def test_openvino_computes_the_millimeters(
    file: str, isolate: bool, models: Path, photo: npt.NDArray[np.uint8]
) -> None:
    """Within what its kernels round differently: 3 codes of 3.9 mm, or one of 39 mm."""
    path = models / f"{file}.tflite"
    options: dict[str, Any] = {"delegate": "litert-npu", "delegate_options": CPU, "strict": True}
    with DepthRunner(path, isolate=isolate, **options) as runner, DepthRunner(path) as usual:
        operators = usual.delegate_coverage.operators
        assert runner.delegate_coverage == DelegateCoverage(
            "litert-npu", operators, operators, operators, {}
        )
        depth_mm = runner.infer(photo, size="model").astype(np.int64)
        difference_mm = np.abs(depth_mm - usual.infer(photo, size="model"))
    assert np.median(difference_mm) <= 4
    assert difference_mm.max() <= 45


@with_openvino
@pytest.mark.parametrize("file", ["net", "net-single", "ramp-15m-1m-split-int8"])
def test_openvino_is_proved_right(file: str, models: Path) -> None:
    options: dict[str, Any] = {"delegate": "litert-npu", "delegate_options": CPU}
    with DepthRunner(models / f"{file}.tflite", **options) as runner:
        proof = runner.prove()
    assert (proof.verdict, proof.fallback) == ("right", None), proof


# Two products of a byte up to 255 and a weight up to 127 go into 16 bits there (vpmaddubsw), which
# saturate at half of their sum. The weights of the integer head are all 127, those of the
# fractional head alternate in sign.
saturates = pytest.mark.skipif(
    not CPU_INFO.exists() or "avx2" not in CPU_INFO.read_text() or "vnni" in CPU_INFO.read_text(),
    reason="Only processors with AVX2 and without VNNI saturate.",
)


@with_openvino
@saturates
@pytest.mark.parametrize("file", ["net", "net-single"])
def test_its_transformations_are_proved_wrong(
    file: str, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a single head too, which no self-check can see."""
    monkeypatch.setattr(litert_npu, "_intel", as_they_come)
    with pytest.raises(ProofError, match="The depth is wrong"):
        DepthRunner(
            models / f"{file}.tflite", delegate="litert-npu", delegate_options=CPU, prove="first"
        )


@with_openvino
@saturates
def test_integer_head_saturates_at_half_and_the_fractional_does_not(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = models / ramp.file_name(ramp.COMMON)
    right = pairs_by_dispatch(path)
    monkeypatch.setattr(litert_npu, "_intel", as_they_come)
    wrong = pairs_by_dispatch(path)
    expected = right[..., 1].max() * 32767 / (2 * 255 * 127)
    assert wrong[..., 1].max() == pytest.approx(expected, abs=1)
    assert np.abs(wrong[..., 0] - right[..., 0]).max() <= 1


def pairs_by_dispatch(path: Path) -> npt.NDArray[np.int64]:
    """The codes (H, W, 2), fractional and integer, of the golden photo."""
    with DepthRunner(path, delegate="litert-npu", delegate_options=CPU) as runner:
        state = runner._engine.new_frame_state()
        rgb = read_golden(path.read_bytes(), runner.contract).rgb[0]
        runner._engine.run(rgb, "rgb", state)
    return state.codes[..., None].view(np.uint8).astype(np.int64)


def as_they_come(litert: Any, _texts: dict[str, str]) -> Any:
    """OpenVINO's options without what switches its transformations off."""
    return litert.IntelOpenVinoOptions(graph_backend=litert.IntelOpenVinoGraphBackend.CPU)


@with_openvino
def test_its_transformations_compute_wrongly_and_the_self_check_sees_it(
    net: Path, photo: npt.NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why they are off. A processor with VNNI may compute rightly: then there is nothing to see."""
    monkeypatch.setattr(litert_npu, "_intel", as_they_come)
    with DepthRunner(net, delegate="litert-npu") as runner, DepthRunner(net) as usual:
        try:
            found_mm = runner.infer(photo, size="model").astype(np.int64)
        except SelfCheckError:
            return
        assert np.abs(found_mm - usual.infer(photo, size="model")).max() <= 45


@with_openvino
def test_npu_that_is_not_there_is_an_error_and_not_the_cpu(net: Path) -> None:
    if list(Path("/dev").glob("accel/accel*")):
        pytest.skip("There may be an NPU here.")
    with pytest.raises(DelegateError, match=r"cannot run all of this model \(.*not accelerated"):
        DepthRunner(net, delegate="litert-npu", delegate_options={"graph_backend": "NPU"})


@with_openvino
def test_contract_is_checked_here_too(models: Path) -> None:
    with pytest.raises(ContractError, match=r"input shape \[1, 32, 96, 3\]"):
        DepthRunner(models / "net-other-size.tflite", delegate="litert-npu", delegate_options=CPU)


@pytest.mark.skipif(openvino_is_installed(), reason="OpenVINO is installed.")
def test_without_it_the_delegate_is_an_error(net: Path) -> None:
    with pytest.raises(DepthError, match=r"litert-npu"):
        DepthRunner(net, delegate="litert-npu", delegate_options=CPU)


with_litert = pytest.mark.skipif(
    importlib.util.find_spec("ai_edge_litert") is None, reason="Needs ai-edge-litert."
)


def opened(path: Path) -> litert_npu.LitertNpuEngine:
    """The engine on whatever NPU there is, without the search for one."""
    model = path.read_bytes()
    chosen = SelectedDelegate(LITERT_NPU, None, {}, {}, "")
    return litert_npu.LitertNpuEngine(
        EngineConfig(model, read_contract(model), chosen, None, False), chosen
    )


@with_litert
@pytest.mark.skipif(openvino_is_installed(), reason="OpenVINO is installed.")
def test_model_that_no_npu_takes_is_not_run_by_the_cpu(net: Path) -> None:
    with pytest.raises(DelegateError, match=r"cannot run all of this model.*pip install openvino"):
        opened(net)


@pytest.fixture
def cpu_for_npu(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteRT's own CPU kernels take the NPU's place, behind the same interface."""
    usual = litert_npu._options

    def on_the_cpu(litert: Any, delegate: SelectedDelegate) -> Any:
        options = usual(litert, delegate)
        options.hardware_accelerators = litert.HardwareAccelerator.CPU
        return options

    monkeypatch.setattr(litert_npu, "_options", on_the_cpu)


@with_litert
@pytest.mark.parametrize("file", ["net", "net-single", "ramp-15m-1m-split-int8"])
def test_tensors_go_through_litert_as_through_an_interpreter(
    file: str, models: Path, cpu_for_npu: None
) -> None:
    path = models / f"{file}.tflite"
    with DepthRunner(path) as usual, opened(path) as engine:
        state, codes = usual._engine.new_frame_state(), engine.info.layout.new_codes()
        for seed in range(3):
            size = (*usual.model_size, 3)
            rgb = np.random.default_rng(seed).integers(0, 256, size, np.uint8)
            usual._engine.run(rgb, "rgb", state)
            engine.write(rgb[..., ::-1], "bgr")
            assert engine.invoke() > 0
            engine.collect(codes)
            np.testing.assert_array_equal(codes, state.codes)


@with_litert
def test_fault_at_a_frame_names_the_delegate(net: Path, cpu_for_npu: None) -> None:
    """LiteRT is asked to run what the model does not have."""
    with opened(net) as engine:
        engine._signature = "absent"
        with pytest.raises(DelegateError, match="The delegate litert-npu failed at a frame: "):
            engine.invoke()


def test_without_the_package_it_is_said(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.options", None)
    with pytest.raises(DelegateError, match=r"is a part of ai-edge-litert.*pip install ai-edge"):
        opened(net)


@with_litert
@pytest.mark.parametrize(("backend", "is_told"), [("CPU", True), ("GPU", True), ("NPU", False)])
def test_accelerators_of_floats_compute_in_32_bits(backend: str, is_told: bool) -> None:
    """In 16 bits they are 38 mm off on the ramp, and the two codes agree."""
    litert = importlib.import_module("ai_edge_litert.options")
    chosen = SelectedDelegate(LITERT_NPU, None, {"graph_backend": backend}, {}, "")
    options = litert_npu._options(litert, chosen)
    assert options.gpu_options.enforce_f32
    hint = options.intel_openvino_options.configs_map.get("INFERENCE_PRECISION_HINT")
    assert hint == ("f32" if is_told else None)
