"""From a model and how it is to be run to a network that runs."""

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
from tfl_depth.runtime.delegates.choose import choose
from tfl_depth.runtime.engine import Engine, Form, Opening
from tfl_depth.runtime.isolation import WorkerEngine
from tfl_depth.runtime.network import Network
from tfl_depth.runtime.open_engine import open_engine
from tfl_depth.runtime.settings import Settings


def open_network(model: bytes, settings: Settings) -> Network:
    """Open a model as it is to be run.

    Raises:
        InterpreterError, ContractError: as `DepthRunner`.
    """
    goes_on = settings.delegate is not None and settings.on_fault == "cpu"
    reserve = _open_reserve(model, settings) if goes_on else None
    try:
        engine, shortfall = _open_engine(model, settings)
    except InterpreterError as fault:
        if reserve is None or settings.strict:
            raise
        fallback = f"{fault} The CPU runs the model instead."
        warnings.warn(fallback, FallbackWarning, stacklevel=3)
        return Network(reserve, None, fallback)
    if shortfall is not None and settings.strict:
        engine.close()
        raise DelegateError(
            f"{shortfall} With strict=True that is an error: convert the model for this delegate "
            "(tfl-depth convert --target), or run it without strict."
        )
    if reserve is not None:
        _expect_alike(engine.form, reserve.form)
    return Network(engine, reserve, shortfall)


def _open_engine(model: bytes, settings: Settings) -> tuple[Engine, str | None]:
    """The engine that was asked for, and what of it does not run where it should."""
    contract = read_contract(model)
    check_model(model)
    chosen = choose(settings.delegate, settings.delegate_options, model)
    delegate = None if chosen.library is None else chosen
    # Off beside a delegate: not every interpreter package lets XNNPACK choose last.
    xnnpack = delegate is None if settings.xnnpack is None else settings.xnnpack
    engine = _engine(Opening(model, contract, delegate, settings.num_threads, xnnpack), settings)
    if delegate is None:
        return engine, None if settings.delegate is None else chosen.reason
    shortfall = engine.form.placement.shortfall
    if shortfall is not None and not settings.strict:
        warnings.warn(shortfall, FallbackWarning, stacklevel=4)
    return engine, shortfall


def _engine(opening: Opening, settings: Settings) -> Engine:
    if not settings.isolate:
        return open_engine(opening)
    return WorkerEngine(
        opening, timeout_s=settings.timeout_s, start_timeout_s=settings.start_timeout_s
    )


def _open_reserve(model: bytes, settings: Settings) -> Engine:
    """What takes over on the CPU; opened at the start, so that it is known to work."""
    if settings.fallback_model is not None:
        model = settings.fallback_model
    on_cpu = replace(settings, delegate=None, delegate_options={}, isolate=False)
    try:
        return _open_engine(model, on_cpu)[0]
    except DelegateRequiredError as error:
        raise DelegateRequiredError(
            f'{error} For on_fault="cpu" give the portable model as `fallback_model`.'
        ) from error


def _expect_alike(form: Form, reserve: Form) -> None:
    """Depth of the reserve must be of the same size, range and step."""
    for name in ("precision", "head", "edges_m", "curves_m", "height", "width"):
        expected, got = getattr(form.contract, name), getattr(reserve.contract, name)
        if expected != got:
            raise ContractError(
                f"Expected `fallback_model` to have the model's {name}, {expected}, got {got}: "
                "give the portable file of the same network."
            )
    if (form.grid_size, form.scales) != (reserve.grid_size, reserve.scales):
        raise ContractError(
            "Expected the outputs of `fallback_model` to have the model's size and scales: give "
            "the portable file of the same network."
        )
