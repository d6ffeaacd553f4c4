"""Whether a model runs on a board: opened and run in a process of its own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from tfl_depth.errors import DelegateError, DepthError, ProofError
from tfl_depth.format.contract import read_contract
from tfl_depth.format.golden import read_golden
from tfl_depth.format.model_check import check_model
from tfl_depth.runtime.delegates import Board, SelectedDelegate, select_delegate
from tfl_depth.runtime.delegates.auto_match import compiled_for
from tfl_depth.runtime.delegates.extensions import all_rows
from tfl_depth.runtime.delegates.model_traits import read_model_traits
from tfl_depth.runtime.delegates.select import AUTO, CPU
from tfl_depth.runtime.engines.engine import EngineConfig
from tfl_depth.runtime.engines.fallback import FallbackEngine
from tfl_depth.runtime.engines.subprocess_engine import SubprocessEngine
from tfl_depth.runtime.golden_check import check_golden
from tfl_depth.runtime.warm_up import warm_up

RunState = Literal["works", "fails"]
WORKS: Final = "works"
RUNS = 5


@dataclass(frozen=True)
class ModelRun:
    """A run of a model on a delegate or on the CPU.

    Attributes:
        delegate: its name, or "cpu".
        state: whether the model runs and its depth is correct.
        detail: why it does not work; a crash and a hang are described here too.
        reason: why this delegate was tried.
        first_s, steady_s: seconds of the first run and of the later ones.
        taken, operators: how many of the model's operators the delegate took.
        proof: result of the golden vectors in one sentence; None for a model without any.
    """

    delegate: str
    state: RunState
    detail: str = ""
    reason: str = ""
    first_s: float | None = None
    steady_s: float | None = None
    taken: int | None = None
    operators: int | None = None
    proof: str | None = None


def try_model(model: Path, board: Board, timeout_s: float) -> Iterator[ModelRun]:
    """Run a model as `auto` would. If that fails, run a portable model on the CPU too."""
    content = model.read_bytes()
    with warnings.catch_warnings():
        # The reason and the run contain the same information.
        warnings.simplefilter("ignore")
        try:
            selected = select_delegate(AUTO, {}, content, board=board)
        except DelegateError as error:
            yield ModelRun(AUTO, "fails", str(error))
            return
    run = try_delegate(content, selected, timeout_s)
    yield run
    portable = not compiled_for(all_rows(), read_model_traits(content))
    if portable and selected.name != CPU and run.state != WORKS:
        on_cpu = SelectedDelegate(CPU, None, {}, {}, f"{selected.name} does not work.")
        yield try_delegate(content, on_cpu, timeout_s)


def try_delegate(model: bytes, selected: SelectedDelegate, timeout_s: float) -> ModelRun:
    """Run a model on one delegate, in a process of its own.

    Args:
        model: the .tflite file's bytes.
        selected: the delegate, or the CPU.
        timeout_s: seconds to open the model, and seconds for each run.
    """
    try:
        figures = _measured(model, selected, timeout_s)
    except DepthError as error:
        return ModelRun(selected.name, "fails", str(error), selected.reason)
    return ModelRun(selected.name, WORKS, reason=selected.reason, **figures)


def _measured(model: bytes, selected: SelectedDelegate, timeout_s: float) -> dict[str, Any]:
    contract = read_contract(model)
    check_model(model)
    delegate = None if selected.library is None else selected
    config = EngineConfig(model, contract, delegate, num_threads=None, xnnpack=delegate is None)
    isolated = SubprocessEngine(config, timeout_s=timeout_s, start_timeout_s=timeout_s)
    with FallbackEngine(isolated, None, None) as engine:
        state = engine.new_frame_state()
        pixels = np.zeros((contract.height, contract.width, 3), np.uint8)
        times = warm_up(lambda: engine.run(pixels, "rgb", state), RUNS)
        proof = None
        if contract.golden is not None:
            proof = check_golden(engine, read_golden(model, contract))
            if proof.verdict == "wrong":
                raise ProofError(str(proof))
        coverage = engine.info.coverage
    return {
        "first_s": times.first_s,
        "steady_s": times.steady_s,
        "taken": coverage.taken,
        "operators": coverage.operators,
        "proof": None if proof is None else str(proof),
    }
