"""LiteRT's dispatch interface to NPUs, which works without an interpreter."""

from __future__ import annotations

import importlib
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.errors import DelegateError
from tfl_depth.runtime.delegates.selected import SelectedDelegate
from tfl_depth.runtime.delegates.spec import LITERT_NPU
from tfl_depth.runtime.engines.engine import Engine, EngineConfig, fault_of
from tfl_depth.runtime.engines.whole_model import read_whole_model
from tfl_depth.runtime.preprocess import Channels, Codes, Pixels, write_input

# LiteRT's enumerations; the texts of options are names in them.
ENUMERATIONS = {
    "graph_backend": "IntelOpenVinoGraphBackend",
    "performance_mode": "IntelOpenVinoPerformanceMode",
}


class LitertNpuEngine(Engine):
    """Runs a model that LiteRT has compiled entirely for an NPU."""

    def __init__(self, config: EngineConfig, delegate: SelectedDelegate) -> None:
        """Compile the model.

        Raises:
            DelegateError: ai-edge-litert is not installed, or cannot run all of the model there.
            ContractError: the model does not match its contract.
        """
        self._delegate = delegate
        known = read_whole_model(config.model, config.contract, delegate.name)
        self.info, self._details = known.info, known.outputs
        self._layout = self.info.layout
        self._pixels: npt.NDArray[Any] = np.empty(known.source["shape"], known.source["dtype"])
        self._model = _compiled(config.model, delegate)
        (self._signature,) = self._model.get_signature_list()
        name = config.contract.input_name
        self._inputs = {name: self._model.create_input_buffer_by_name(self._signature, name)}
        self._outputs = {
            name: self._model.create_output_buffer_by_name(self._signature, name)
            for name in self._details
        }

    def write(self, pixels: Pixels | Codes, channels: Channels) -> None:
        """Write into the input's buffer."""
        write_input(pixels, channels, self._pixels[0])
        for buffer in self._inputs.values():
            buffer.write(self._pixels)

    def invoke(self) -> float:
        """Run the compiled model."""
        begin_s = perf_counter()
        try:
            self._model.run_by_name(self._signature, self._inputs, self._outputs)
        except (RuntimeError, ValueError) as error:
            raise fault_of(self._delegate, f"failed at a frame: {str(error).strip()}") from error
        return perf_counter() - begin_s

    def collect(self, codes: npt.NDArray[Any]) -> None:
        """Copy from the outputs' buffers."""
        tensors = {name: self._tensor(name) for name in self._outputs}
        self._layout.collect(tensors, codes)

    def _tensor(self, name: str) -> npt.NDArray[Any]:
        shape, dtype = self._details[name]["shape"], self._details[name]["dtype"]
        return np.reshape(self._outputs[name].read(int(np.prod(shape)), dtype), shape)

    def _close(self) -> None:
        """Free the compiled model's memory."""
        self._inputs, self._outputs, self._model = {}, {}, None


def _litert(module: str) -> Any:
    try:
        return importlib.import_module(f"ai_edge_litert.{module}")
    except ImportError as error:
        raise DelegateError(
            f"The delegate {LITERT_NPU} is a part of ai-edge-litert, which cannot be imported "
            f"({error}). Install it with pip install ai-edge-litert."
        ) from error


def _compiled(model: bytes, delegate: SelectedDelegate) -> Any:
    options = _options(_litert("options"), delegate)
    try:
        return _litert("compiled_model").CompiledModel.from_buffer(model, options=options)
    except RuntimeError as error:
        said = " ".join(str(error).split())
        raise DelegateError(
            f"The delegate {delegate.name} cannot run all of this model ({said}). LiteRT has "
            "written the reason to standard error. Intel's NPU needs pip install openvino."
        ) from error


def _options(litert: Any, delegate: SelectedDelegate) -> Any:
    options = litert.Options(
        # Without the CPU: otherwise LiteRT would run operators there without a message.
        hardware_accelerators=litert.HardwareAccelerator.NPU,
        intel_openvino_options=_intel(litert, delegate.options),
    )
    # Its GPU computes in 16 bits by default. On a ramp it was 38 mm wrong, and no check saw it.
    options.gpu_options.enforce_f32 = True
    return options


def _intel(litert: Any, texts: dict[str, str]) -> Any:
    given = {
        option: getattr(litert, ENUMERATIONS[option])[text.upper()]
        for option, text in texts.items()
    }
    options = litert.IntelOpenVinoOptions(**given)
    if options.graph_backend == litert.IntelOpenVinoGraphBackend.CPU:
        # Its low-precision transformations compute INT8 wrongly on processors with AVX2 and without
        # VNNI: pairs of products saturate in 16 bits (vpmaddubsw). An integer head, whose weights
        # are all 127, then has half of its value.
        options.configs_map["LP_TRANSFORMS_MODE"] = "NO"
    if options.graph_backend != litert.IntelOpenVinoGraphBackend.NPU:
        # Floats in 32 bits: by default a GPU computes in 16 bits, and a CPU with AMX in bfloat16.
        options.configs_map["INFERENCE_PRECISION_HINT"] = "f32"
    return options
