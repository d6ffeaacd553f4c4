"""Proofs by engines: the golden vectors of a model, run on one engine or on all of them."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy.typing as npt

from tfl_depth.errors import DepthError, InterpreterError
from tfl_depth.format.contract import read_contract
from tfl_depth.format.golden import read_golden
from tfl_depth.proof.engine_table import ENGINES
from tfl_depth.runtime.golden_check import GoldenCheck, check_codes
from tfl_depth.runtime.model_content import ModelSource, read_model_content
from tfl_depth.runtime.output_layout import output_layout
from tfl_depth.runtime.preprocess import Pixels


@dataclass(frozen=True)
class EngineProof:
    """The result of one engine of proof.

    Attributes:
        engine: its name.
        title: a short description of the engine.
        versions: names and versions of its parts; empty for the interpreter's own kernels.
        proof: the comparison; None if the engine could not run.
        problem: why it could not run: it is not installed, or it refuses the model; else None.
        seconds: its duration.
    """

    engine: str
    title: str
    versions: str
    proof: GoldenCheck | None
    problem: str | None
    seconds: float


def prove_by(engine: str, model: ModelSource) -> GoldenCheck:
    """Run a model's golden vectors on an engine of proof, and compare as `DepthRunner.prove` does.

    Args:
        engine: a name of `ENGINES`.
        model: path of the .tflite file, or its bytes.

    Raises:
        DepthError: there is no such engine.
        InterpreterError: it is not installed, or refuses the model.
        ModelFileError, ContractError: the file is damaged, or has no golden vectors.
    """
    if engine not in ENGINES:
        raise DepthError(f"Expected an engine of {', '.join(ENGINES)}, got {engine!r}.")
    content = read_model_content(model, None)
    contract = read_contract(content)
    golden = read_golden(content, contract)
    spec = ENGINES[engine]
    with spec.open(content) as opened:
        layout = output_layout(contract, opened.tensors.grid_size)
        codes = layout.new_codes()

        def codes_of(rgb: Pixels) -> npt.NDArray[Any]:
            layout.collect(opened.run(rgb), codes)
            return codes

        decoder = opened.tensors.new_decoder()
        return check_codes(codes_of, layout, decoder, contract, golden, spec.rounding_steps)


def prove_by_all(model: bytes) -> list[EngineProof]:
    """Run a model's golden vectors on every engine that is installed, and list the others.

    Raises:
        ModelFileError, ContractError: the file is damaged, or has no golden vectors.
    """
    return [_proof(name, model) for name in ENGINES]


def _proof(name: str, model: bytes) -> EngineProof:
    spec, begin_s = ENGINES[name], perf_counter()
    proof, problem = None, None
    try:
        proof = prove_by(name, model)
    except InterpreterError as error:
        problem = str(error)
    seconds = perf_counter() - begin_s
    return EngineProof(name, spec.title, spec.versions, proof, problem, seconds)
