"""Shared parts of `convert` and `placement`: the choice of a target, and its report as text."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from tfl_depth.target_settings import chosen_target
from tfl_depth.targets import TARGETS, Target

if TYPE_CHECKING:
    from tfl_depth.converters.deployment import PlacedOperator, Placement

# Options that replace Vela settings of the target, for boards with other memories.
_VELA_OPTIONS = {
    "vela_config": "a Vela configuration file (.ini) of your board",
    "system_config": "its section with the clock and the memories",
    "memory_mode": "its section with the use of the memories",
}
_SETTINGS = (*_VELA_OPTIONS, "neutron", "neutron_python", "rknn_python")


def add_options(parser: argparse.ArgumentParser, *, default: str | None) -> None:
    """Add --target, --strict-placement and Vela's settings. The help lists the targets."""
    parser.add_argument(
        "--target",
        choices=TARGETS,
        default=default,
        metavar="TARGET",
        help="where the model will run, see below" + (f" ({default})" if default else ""),
    )
    parser.add_argument(
        "--strict-placement",
        action="store_true",
        help="raise an error if an operator is not known to run on the target's NPU",
    )
    for name, text in _VELA_OPTIONS.items():
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, metavar="NAME", help=f"Ethos-U: {text}")
    parser.add_argument(
        "--neutron",
        type=_package,
        metavar="PACKAGE==VERSION",
        help="imx95: compile with this pip package of NXP, which you have installed",
    )
    parser.add_argument(
        "--neutron-python",
        metavar="PATH",
        help="imx95: the Python of the environment that has the package (this one)",
    )
    parser.add_argument(
        "--rknn-python",
        metavar="PATH",
        help="rk3588, rk3576, rk3568: compile with this Python, which has rknn-toolkit2",
    )
    width = max(map(len, TARGETS))
    rows = "\n".join(f"  {name:<{width}}  {_meaning(each)}" for name, each in TARGETS.items())
    parser.epilog = f"{parser.epilog}\n\ntargets:\n{rows}"


def _meaning(target: Target) -> str:
    if target.vela is None:
        return target.title
    return f"{target.title}; {target.vela.system_config}, {target.vela.memory_mode}"


def _package(text: str) -> tuple[str, str]:
    """Read "eiq-neutron-sdk==3.3.0"."""
    match = re.fullmatch(r"([A-Za-z0-9][\w.-]*)==([\w.+!-]+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(
            f"expected a package and its version like eiq-neutron-sdk==3.3.0, got {text!r}"
        )
    return match[1], match[2]


def chosen(options: argparse.Namespace) -> Target:
    """Return the chosen target with the chosen compiler settings.

    Raises:
        ConversionError: there are settings of a compiler that is not for this target.
    """
    return chosen_target(options.target, **settings(options))


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the chosen compiler settings, as arguments of `chosen_target` and `convert`."""
    return {name: getattr(options, name) for name in _SETTINGS}


def summary(placement: Placement) -> str:
    """The totals, and each operator that is not on the NPU with its reason."""
    counts = placement.as_report()["totals"]
    places = ", ".join(f"{counts[place]} {place}" for place in ("npu", "cpu", "gpu", "unknown"))
    rows = {"target": placement.target, "operators": f"{counts['operators']}: {places}"}
    if placement.macs is not None:
        rows["MACs"] = f"{placement.macs:,}"
    rows.update(_estimates(placement))
    rows["placed by"] = placement.source
    text = [f"{name:<26} {value}" for name, value in rows.items()]
    return "\n".join([*text, *_not_on_npu(placement)])


def _estimates(placement: Placement) -> dict[str, str]:
    estimate, traffic = placement.estimate, placement.traffic
    if traffic is not None:
        return {
            "spilled, filled": f"{traffic.spilled:,} and {traffic.filled:,} bytes",
            "read, written": f"{traffic.read:,} and {traffic.written:,} bytes",
        }
    if estimate is None:
        return {}
    configuration = estimate.configuration
    rows = {
        "compiled for": ", ".join(configuration.values()),
        "SRAM": f"{estimate.sram_bytes / 1024:,.0f} KiB",
        "flash or DRAM": f"{estimate.other_bytes / 1024:,.0f} KiB",
    }
    if placement.milliseconds is None:
        return {**rows, "time": "unknown: some operators run on the CPU"}
    rows["time, as Vela estimates"] = f"{placement.milliseconds:.2f} ms"
    if placement.utilization is not None:
        peak = estimate.macs_per_cycle * estimate.clock_hz
        rows["of the NPU's peak"] = f"{placement.utilization:.1%} of {peak / 1e9:,.0f} GMAC/s"
    return rows


def _not_on_npu(placement: Placement) -> list[str]:
    # If only the board's compiler decides, the text is the same for all operators.
    others = {
        f"  {operator.kind}: {operator.place}, {operator.reason}"
        + (f"; {operator.hint}" if operator.hint else "")
        for operator in placement.operators
        if operator.place != "npu" and operator.reason
    }
    return ["not on the NPU:", *sorted(others)] if others else []


def table(placement: Placement) -> str:
    """A line for each operator: place, cycles, and reason if there is one."""
    from tfl_depth.converters.deployment.picture import short_name

    lines = [_line(operator, short_name(operator)) for operator in placement.operators]
    return "\n".join([f"{'place':<8}{'cycles':>12}  operator", *lines])


def _line(operator: PlacedOperator, name: str) -> str:
    cycles = "-" if operator.cycles is None else f"{operator.cycles:,}"
    reason = f" ({operator.reason})" if operator.reason else ""
    return f"{operator.place:<8}{cycles:>12}  {name}{reason}"
