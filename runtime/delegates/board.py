"""The board that runs the program: its device tree, device files and libraries."""

from __future__ import annotations

import glob
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# Linux's folder of the device tree.
_MODEL = Path("proc/device-tree/model")
_COMPATIBLE = Path("proc/device-tree/compatible")

# The target in `tfl_depth.targets` for the beginning of a device tree's `compatible`, from
# https://github.com/torvalds/linux/tree/master/Documentation/devicetree/bindings/arm
# (fsl.yaml, stm32/stm32.yaml, rockchip.yaml, amlogic.yaml, qcom.yaml, mediatek.yaml, bcm2835.yaml).
_TARGETS = {
    "fsl,imx93": "imx93",
    "fsl,imx8mp": "imx8mp",
    "fsl,imx95": "imx95",
    "st,stm32mp23": "stm32mp2",
    "st,stm32mp25": "stm32mp2",
    "rockchip,rk3588": "teflon",
    "amlogic,a311d": "teflon",
    "qcom,": "qnn",
    "mediatek,": "nnapi",
    "raspberrypi,": "cpu",
}

# Debian has a folder for the architecture, such as aarch64-linux-gnu.
_FOLDERS = (
    *("/usr/lib", "/usr/lib64", "/usr/lib/*-linux-gnu*"),
    *("/usr/local/lib", "/usr/local/lib/*-linux-gnu*", "/lib", "/vendor/lib64"),
)


@dataclass(frozen=True)
class Board:
    """A board, described by its file system.

    Attributes:
        root: of the file system; "/" for this machine, or a folder with a board's files.
    """

    root: Path = Path("/")

    @property
    def model(self) -> str:
        """The board's name in the device tree; empty without a device tree, as on a PC."""
        return next(iter(self._strings(_MODEL)), "")

    @property
    def compatible(self) -> tuple[str, ...]:
        """The device tree's names of the board and its chip, the most exact name first."""
        return tuple(self._strings(_COMPATIBLE))

    @property
    def target(self) -> str | None:
        """The name of this board's target; None if its chip is unknown."""
        names = (
            target
            for name in self.compatible
            for beginning, target in _TARGETS.items()
            if name.startswith(beginning)
        )
        return next(names, None)

    @property
    def description(self) -> str:
        """Name of the board or the processor, for messages."""
        return self.model or f"a machine without a device tree ({platform.machine()})"

    @property
    def software(self) -> str:
        """The text of os-release, which names the vendor's image; empty without the file."""
        for path in ("etc/os-release", "usr/lib/os-release"):
            if (self.root / path).is_file():
                return (self.root / path).read_text(errors="replace")
        return ""

    @property
    def system(self) -> str:
        """The system's name in os-release, such as "NXP i.MX Release Distro 6.6-scarthgap"."""
        lines = self.software.splitlines()
        names = (line.partition("=")[2] for line in lines if line.startswith("PRETTY_NAME="))
        return next(names, "").strip("\"'")

    @property
    def kernel(self) -> str:
        """The release of the kernel, such as "6.6.36-lts"; empty if unknown."""
        try:
            return (self.root / "proc/sys/kernel/osrelease").read_text().strip()
        except OSError:
            return ""

    def devices(self, patterns: Iterable[str]) -> tuple[str, ...]:
        """Return the existing device files of patterns such as "/dev/accel/accel*"."""
        return tuple(
            f"/{path.relative_to(self.root)}"
            for pattern in patterns
            for path in sorted(self.root.glob(pattern.lstrip("/")))
        )

    def library(self, names: Iterable[str], folders: Iterable[str] = ()) -> Path | None:
        """Return the first existing library, in the order of the names, then of the folders."""
        places = (*folders, *self.library_folders())
        found = (
            path
            for name in names
            for folder in places
            for path in sorted(self.root.glob(f"{folder.lstrip('/')}/{name}"))
            if path.is_file()
        )
        return next(found, None)

    def library_folders(self) -> tuple[str, ...]:
        """Return library folders: LD_LIBRARY_PATH, then those of Yocto, Debian and Android."""
        given = os.environ.get("LD_LIBRARY_PATH", "") if self.root == Path("/") else ""
        return (*(glob.escape(folder) for folder in given.split(os.pathsep) if folder), *_FOLDERS)

    def _strings(self, path: Path) -> list[str]:
        """Split a device tree's strings, each of which ends in a zero byte."""
        try:
            content = (self.root / path).read_bytes()
        except OSError:
            return []
        return [part.decode(errors="replace") for part in content.split(b"\0") if part]
