"""The choice of an engine in this process."""

from __future__ import annotations

from tfl_depth.runtime.delegates.spec import LITERT_NPU, ONNXRUNTIME_QNN
from tfl_depth.runtime.engines.engine import Engine, EngineConfig
from tfl_depth.runtime.engines.interpreter_engine import InterpreterEngine


def open_engine(config: EngineConfig) -> Engine:
    """Open a model in this process.

    Raises:
        InterpreterError, ContractError: as for the engines.
    """
    # Few boards have what these two need: the others spend no memory on their import.
    if config.delegate is not None and config.delegate.name == LITERT_NPU:
        from tfl_depth.runtime.engines.litert_npu import LitertNpuEngine

        return LitertNpuEngine(config, config.delegate)
    if config.delegate is not None and config.delegate.name == ONNXRUNTIME_QNN:
        from tfl_depth.runtime.engines.onnxruntime_qnn import OnnxruntimeQnnEngine

        return OnnxruntimeQnnEngine(config, config.delegate)
    return InterpreterEngine(config)
