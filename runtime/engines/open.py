"""Opening of a model: its checks, its delegate, its engine and its fallback."""

from __future__ import annotations

import warnings
from dataclasses import replace

from tfl_depth.errors import (
    ContractError,
    DelegateError,
    DelegateRequiredError,
    FallbackWarning,
    InterpreterError,
)
from tfl_depth.format.contract import read_contract
from tfl_depth.format.model_check import check_model
from tfl_depth.runtime.delegates.select import select_delegate
from tfl_depth.runtime.engines.engine import Engine, EngineConfig, EngineInfo
from tfl_depth.runtime.engines.fallback import FallbackEngine
from tfl_depth.runtime.engines.open_engine import open_engine
from tfl_depth.runtime.options import RunnerOptions


def open_fallback_engine(
    model: bytes, fallback_model: bytes | None, options: RunnerOptions
) -> FallbackEngine:
    """Open a model with its options.

    Raises:
        InterpreterError, ContractError: as `DepthRunner`.
    """
    goes_on = options.delegate is not None and options.on_fault == "cpu"
    portable = model if fallback_model is None else fallback_model
    reserve = _open_reserve(portable, options) if goes_on else None
    try:
        engine, shortfall = _open_engine(model, options)
    except InterpreterError as fault:
        if reserve is None or options.strict:
            raise
        fallback = f"{fault} The CPU runs the model instead."
        warnings.warn(fallback, FallbackWarning, stacklevel=4)
        return FallbackEngine(reserve, None, fallback)
    if shortfall is not None and options.strict:
        engine.close()
        raise DelegateError(
            f"{shortfall} This is an error with strict=True. Convert the model for this delegate "
            "(tfl-depth convert --target), or run it without strict."
        )
    if reserve is not None:
        _expect_alike(engine.info, reserve.info)
    return FallbackEngine(engine, reserve, shortfall)


def _open_engine(model: bytes, options: RunnerOptions) -> tuple[Engine, str | None]:
    """Return the requested engine, and a sentence on operators that it does not run; or None."""
    contract = read_contract(model)
    check_model(model)
    selected = select_delegate(options.delegate, options.delegate_options, model)
    delegate = None if selected.library is None else selected
    # Off with a delegate: in some interpreter packages XNNPACK takes operators first.
    xnnpack = delegate is None if options.xnnpack is None else options.xnnpack
    engine = _engine(EngineConfig(model, contract, delegate, options.num_threads, xnnpack), options)
    if delegate is None:
        return engine, None if options.delegate is None else selected.reason
    shortfall = engine.info.coverage.shortfall
    if shortfall is not None and not options.strict:
        warnings.warn(shortfall, FallbackWarning, stacklevel=5)
    return engine, shortfall


def _engine(config: EngineConfig, options: RunnerOptions) -> Engine:
    if not options.isolate:
        return open_engine(config)
    # Without isolation, no memory is spent on the import of sockets and processes.
    from tfl_depth.runtime.engines.subprocess_engine import SubprocessEngine

    return SubprocessEngine(
        config, timeout_s=options.timeout_s, start_timeout_s=options.start_timeout_s
    )


def _open_reserve(model: bytes, options: RunnerOptions) -> Engine:
    """Open the reserve on the CPU. It is opened at the start, so that its errors show early."""
    on_cpu = replace(options, delegate=None, delegate_options={}, isolate=False)
    try:
        return _open_engine(model, on_cpu)[0]
    except DelegateRequiredError as error:
        raise DelegateRequiredError(
            f'{error} For on_fault="cpu" pass the portable model as `fallback_model`.'
        ) from error


def _expect_alike(info: EngineInfo, reserve: EngineInfo) -> None:
    """Check that the reserve's depth has the same size, range and step."""
    for name in ("precision", "head", "edges_m", "curves_m", "height", "width", "fit", "camera"):
        expected, got = getattr(info.contract, name), getattr(reserve.contract, name)
        if expected != got:
            raise ContractError(
                f"Expected `fallback_model` to have the model's {name}, {expected}, got {got}. "
                "Pass the portable file of the same network."
            )
    if (info.grid_size, info.scales) != (reserve.grid_size, reserve.scales):
        raise ContractError(
            "Expected the outputs of `fallback_model` to have the model's size and scales. Pass "
            "the portable file of the same network."
        )
