"""Temperatures and clocks, if Linux has them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sensors:
    """The values of a board's sensors at one moment.

    Attributes:
        temperature_c: of each thermal zone, in degrees Celsius.
        clock_mhz: of each processor core and each other device with a variable clock, such as an
            NPU.
    """

    temperature_c: dict[str, float]
    clock_mhz: dict[str, float]


def read_sensors(root: Path = Path("/")) -> Sensors:
    """Read them.

    Args:
        root: of the file system; tests use another folder than "/".
    """
    zones = sorted(root.glob("sys/class/thermal/thermal_zone*"))
    temperatures = {_zone_name(zone): _number(zone / "temp") for zone in zones}
    clocks = {
        **{
            path.parent.parent.name: _number(path)
            for path in sorted(root.glob("sys/devices/system/cpu/cpu*/cpufreq/scaling_cur_freq"))
        },
        **{
            path.parent.name: _thousandth(_number(path))
            for path in sorted(root.glob("sys/class/devfreq/*/cur_freq"))
        },
    }
    return Sensors(_in_thousands(temperatures), _in_thousands(clocks))


def _zone_name(zone: Path) -> str:
    """The zone's number and type. Several zones may have the same type."""
    try:
        kind = (zone / "type").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        kind = ""
    return f"{zone.name.replace('thermal_', '')} {kind}".strip()


def _number(path: Path) -> float | None:
    """The content of a file; None if the driver refuses."""
    try:
        return float(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _thousandth(value: float | None) -> float | None:
    return None if value is None else value / 1000


def _in_thousands(values: dict[str, float | None]) -> dict[str, float]:
    """The known values, divided by 1000 (millidegrees, kilohertz)."""
    return {name: value / 1000 for name, value in values.items() if value is not None}
