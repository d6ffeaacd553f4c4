"""Temperatures and clocks, from the files by which Linux tells them."""

from __future__ import annotations

from pathlib import Path

from tfl_depth.boards.sensors import Sensors, read_sensors


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def test_what_linux_tells_is_read(tmp_path: Path) -> None:
    zones = tmp_path / "sys/class/thermal"
    write(zones / "thermal_zone0/type", "cpu-thermal\n")
    write(zones / "thermal_zone0/temp", "45600\n")
    write(zones / "thermal_zone1/type", "cpu-thermal\n")
    write(zones / "thermal_zone1/temp", "not ready\n")
    write(tmp_path / "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1700000\n")
    write(tmp_path / "sys/class/devfreq/fdab0000.npu/cur_freq", "1000000000\n")
    found = read_sensors(tmp_path)
    assert found == Sensors({"zone0 cpu-thermal": 45.6}, {"cpu0": 1700.0, "fdab0000.npu": 1000.0})


def test_a_machine_without_sensors_tells_nothing(tmp_path: Path) -> None:
    assert read_sensors(tmp_path) == Sensors({}, {})
