"""A target of the table with the compiler settings of a user's board."""

from __future__ import annotations

import sys
from dataclasses import replace

from tfl_depth.errors import ConversionError
from tfl_depth.targets import TARGETS, NeutronSettings, Target


def chosen_target(
    name: str,
    *,
    vela_config: str | None = None,
    system_config: str | None = None,
    memory_mode: str | None = None,
    neutron: tuple[str, str] | None = None,
    neutron_python: str | None = None,
    rknn_python: str | None = None,
) -> Target:
    """Return a target with other compiler settings than those of the table.

    Args:
        name: of the target.
        vela_config: Ethos-U: a Vela configuration file (.ini).
        system_config: Ethos-U: its section with the clock and the memories.
        memory_mode: Ethos-U: its section with the use of the memories.
        neutron: imx95: name and version of NXP's pip package.
        neutron_python: imx95: the Python of the environment that has the package; None: this one.
        rknn_python: rk3588, rk3576, rk3568: the Python of the environment that has rknn-toolkit2;
            None: it is not called.

    Raises:
        ConversionError: there is no such target, or a setting is for another compiler.
    """
    if name not in TARGETS:
        raise ConversionError(f"Expected a target of {', '.join(TARGETS)}, got {name!r}.")
    target = _with_neutron(name, neutron, neutron_python or sys.executable)
    if rknn_python is not None:
        target = _with_rockchip(name, rknn_python)
    given = {"config": vela_config, "system_config": system_config, "memory_mode": memory_mode}
    changes = {key: value for key, value in given.items() if value is not None}
    if not changes:
        return target
    if target.vela is None:
        raise ConversionError(
            f"{name} is not compiled by Vela: leave out --vela-config, --system-config and "
            "--memory-mode."
        )
    return replace(target, vela=replace(target.vela, **changes))


def _with_neutron(name: str, neutron: tuple[str, str] | None, python: str) -> Target:
    target = TARGETS[name]
    if neutron is None:
        return target
    if name != "imx95":
        raise ConversionError(
            f"{name} is not compiled by NXP's Neutron compiler: leave out --neutron."
        )
    settings = NeutronSettings(name, *neutron, python)
    return replace(target, neutron=settings, command=None)


def _with_rockchip(name: str, python: str) -> Target:
    target = TARGETS[name]
    if target.rockchip is None:
        raise ConversionError(f"{name} is not compiled by rknn-toolkit2: leave out --rknn-python.")
    return replace(target, rockchip=replace(target.rockchip, python=python), command=None)
