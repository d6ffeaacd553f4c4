"""The board under the program: its device tree, its device files, its libraries."""

from __future__ import annotations

import glob
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# Where Linux shows the device tree of the board that it runs on.
_MODEL = Path("proc/device-tree/model")
_COMPATIBLE = Path("proc/device-tree/compatible")

# The target of `tfl_depth.targets` that a device tree's `compatible` stands for, by its beginning,
# from https://github.com/torvalds/linux/tree/master/Documentation/devicetree/bindings/arm
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

# Debian's lie in one of the architecture, such as aarch64-linux-gnu.
_FOLDERS = (
    *("/usr/lib", "/usr/lib64", "/usr/lib/*-linux-gnu*"),
    *("/usr/local/lib", "/usr/local/lib/*-linux-gnu*", "/lib", "/vendor/lib64"),
)


@dataclass(frozen=True)
class Board:
    """A board, as its file system tells of it.

    Attributes:
        root: of the file system; another than "/" for a board's files on another machine.
    """

    root: Path = Path("/")

    @property
    def model(self) -> str:
        """The device tree's name of the board; empty on a machine without one, such as a PC."""
        return next(iter(self._strings(_MODEL)), "")

    @property
    def compatible(self) -> tuple[str, ...]:
        """What the device tree calls the board and its chip, the most exact name first."""
        return tuple(self._strings(_COMPATIBLE))

    @property
    def target(self) -> str | None:
        """The name of the target that converts for this board, where its chip is a known one."""
        names = (
            target
            for name in self.compatible
            for beginning, target in _TARGETS.items()
            if name.startswith(beginning)
        )
        return next(names, None)

    @property
    def description(self) -> str:
        """Board or processor, for people."""
        return self.model or f"a machine without a device tree ({platform.machine()})"

    @property
    def software(self) -> str:
        """The text of os-release: what the vendor's image calls itself; empty without one."""
        for path in ("etc/os-release", "usr/lib/os-release"):
            if (self.root / path).is_file():
                return (self.root / path).read_text(errors="replace")
        return ""

    @property
    def system(self) -> str:
        """What its os-release calls itself, such as "NXP i.MX Release Distro 6.6-scarthgap"."""
        lines = self.software.splitlines()
        names = (line.partition("=")[2] for line in lines if line.startswith("PRETTY_NAME="))
        return next(names, "").strip("\"'")

    @property
    def kernel(self) -> str:
        """The release of the kernel, such as "6.6.36-lts"; empty where it does not tell."""
        try:
            return (self.root / "proc/sys/kernel/osrelease").read_text().strip()
        except OSError:
            return ""

    def devices(self, patterns: Iterable[str]) -> tuple[str, ...]:
        """The device files that are there, of some patterns such as "/dev/accel/accel*"."""
        return tuple(
            f"/{path.relative_to(self.root)}"
            for pattern in patterns
            for path in sorted(self.root.glob(pattern.lstrip("/")))
        )

    def library(self, names: Iterable[str], folders: Iterable[str] = ()) -> Path | None:
        """The first library there is: by the order of the names, then of the folders."""
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
        """Where libraries lie: LD_LIBRARY_PATH, then the folders of Yocto, Debian and Android."""
        given = os.environ.get("LD_LIBRARY_PATH", "") if self.root == Path("/") else ""
        return (*(glob.escape(folder) for folder in given.split(os.pathsep) if folder), *_FOLDERS)

    def _strings(self, path: Path) -> list[str]:
        """Strings that end in a zero byte each, as device trees have them."""
        try:
            content = (self.root / path).read_bytes()
        except OSError:
            return []
        return [part.decode(errors="replace") for part in content.split(b"\0") if part]
