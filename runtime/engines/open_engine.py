"""The choice of an engine in this process."""

from __future__ import annotations

from tfl_depth.runtime.engines import litert_npu, onnxruntime_qnn
from tfl_depth.runtime.engines.engine import Engine, EngineConfig
from tfl_depth.runtime.engines.interpreter_engine import InterpreterEngine


def open_engine(config: EngineConfig) -> Engine:
    """Open a model in this process.

    Raises:
        InterpreterError, ContractError: as for the engines.
    """
    if config.delegate is not None and config.delegate.name == litert_npu.NAME:
        return litert_npu.LitertNpuEngine(config, config.delegate)
    if config.delegate is not None and config.delegate.name == onnxruntime_qnn.NAME:
        return onnxruntime_qnn.OnnxruntimeQnnEngine(config, config.delegate)
    return InterpreterEngine(config)
