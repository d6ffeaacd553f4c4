"""Compilation of a portable .tflite file for a target, with the placement of its operators."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

from tfl_depth.converters.deployment.compiler_output import operators_left
from tfl_depth.converters.deployment.input_copy import with_input_copy
from tfl_depth.converters.deployment.neutron import compile_neutron
from tfl_depth.converters.deployment.operator_rules import placed_by
from tfl_depth.converters.deployment.placement import (
    CPU,
    NPU,
    UNKNOWN,
    Place,
    PlacedOperator,
    Placement,
)
from tfl_depth.converters.deployment.qnn import compile_for_htp
from tfl_depth.converters.deployment.rockchip import compile_rknn
from tfl_depth.converters.deployment.vela import Compiled, compile_model
from tfl_depth.converters.metadata import with_contract
from tfl_depth.converters.tflite_facts import FileOperator, read_facts_and_operators
from tfl_depth.errors import ConversionError
from tfl_depth.format.contract import read_contract
from tfl_depth.format.contract_place import find_contract
from tfl_depth.targets import Target, VelaSettings

# Kind of the operator that a compiler puts in place of the operators that it takes.
_COMPILED = "CUSTOM"
# Beginning of Vela's memory modes in which the input is outside the NPU's memory.
_OWN_MEMORY = "Dedicated_Sram"


@dataclass(frozen=True, repr=False)
class CompiledModel:
    """A model for a target.

    Attributes:
        placement: where the operators run.
        compiled: the .tflite for the target, with the contract; for a Rockchip the .rknn, which
            has none; None if the target uses the portable file.
    """

    placement: Placement
    compiled: bytes | None

    def __repr__(self) -> str:
        size = "portable" if self.compiled is None else f"{len(self.compiled) / 1e6:.2f} MB"
        return f"<CompiledModel {size}, {self.placement!r}>"


def compile_for_target(model: bytes, name: str, target: Target) -> CompiledModel:
    """Compile a model if its target's compiler is available, and find where its operators run.

    Args:
        model: a portable .tflite file.
        name: of the target.
        target: the target. Its Vela settings may differ from those in the table.

    Raises:
        ConversionError: the model is compiled already, or its compiler fails.
        ModelFileError, ContractError: the file is damaged.
    """
    contract = read_contract(model) if find_contract(model) else None
    graph, operators = read_facts_and_operators(model)
    if any(operator.kind.startswith(_COMPILED) for operator in operators):
        raise ConversionError(
            "The model is compiled already. Pass the portable file from which it was compiled."
        )
    if target.htp_soc is not None:
        htp = compile_for_htp(model, target.htp_soc)
        source = f"LiteRT's Qualcomm plugin {version('ai-edge-litert')}"
        placement = Placement(name, htp.operators, graph.macs, None, source, htp.traffic)
        return CompiledModel(placement, htp.model)
    if target.neutron is not None:
        compiled = compile_neutron(model, target.neutron, contract)
        placed = operators_left(model, compiled, "the Neutron compiler leaves it")
        source = f"{target.neutron.package} {target.neutron.version}"
        return CompiledModel(Placement(name, placed, graph.macs, None, source), compiled)
    chip = target.rockchip
    if chip is not None and chip.python is not None:
        made_here = compile_rknn(model, chip.platform, chip.python)
        placed = _by_file(operators, target)
        placement = Placement(name, placed, graph.macs, None, made_here.compiler)
        return CompiledModel(placement, made_here.model)
    if target.vela is None:
        placed, source = _by_file(operators, target), target.source
        return CompiledModel(Placement(name, placed, graph.macs, None, source), None)
    made = _compiled(model, target.vela, takes_bytes=graph.inputs[0].dtype == "int8")
    compiled = made.model if contract is None else with_contract(made.model, contract)
    source = f"Vela {version('ethos-u-vela')}"
    return CompiledModel(
        Placement(name, made.operators, graph.macs, made.estimate, source), compiled
    )


def _compiled(model: bytes, settings: VelaSettings, *, takes_bytes: bool) -> Compiled:
    """Compile the model, and also with a copy of its input; return the faster one."""
    made = compile_model(model, settings)
    if not (takes_bytes and settings.memory_mode.startswith(_OWN_MEMORY)):
        return made
    return min(made, compile_model(with_input_copy(model), settings), key=_cost)


def _cost(compiled: Compiled) -> tuple[int, float]:
    """Return the number of operators on the CPU, whose time is unknown, and the NPU's cycles."""
    left = sum(operator.place != NPU for operator in compiled.operators)
    return left, compiled.estimate.cycles


def _by_file(operators: tuple[FileOperator, ...], target: Target) -> tuple[PlacedOperator, ...]:
    if target.rules is not None:
        return placed_by(target.rules, operators)
    where: Place = UNKNOWN if target.has_npu else CPU
    reason = "its compiler decides" if target.has_npu else ""
    return tuple(PlacedOperator(each.kind, each.name, where, reason) for each in operators)


def refuse_unplaced(placement: Placement) -> None:
    """Refuse a model if one of its operators is not known to run on the NPU.

    Raises:
        ConversionError: there is such an operator.
    """
    others = [operator for operator in placement.operators if operator.place != NPU]
    if others:
        first = others[0]
        raise ConversionError(
            f"{len(others)} of {len(placement.operators)} operators are not known to run on the "
            f"NPU of {placement.target}, the first of them {first.kind} ({first.place}: "
            f"{first.reason or 'no NPU'}): see them with tfl-depth placement, or leave out "
            "--strict-placement."
        )
