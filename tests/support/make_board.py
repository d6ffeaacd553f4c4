"""Makes an arm64 userland to test in: .venv/bin/python -m tests.support.make_board FOLDER.

Debian's arm64 Python is unpacked into a folder, wheels for aarch64 beside it, and QEMU runs both:
no root, no chroot, no change to the machine's own packages. FOLDER/PACKAGE/python is then a Python
of a board that has the interpreter package PACKAGE: `tflite-runtime` or `ai-edge-litert`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support import debian

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"
# Its Python is the last that tflite-runtime is made for.
BOARD_RELEASE, BOARD_PACKAGES = "bookworm", ("python3.11", "libstdc++6")
# The QEMU of bookworm, 7.2, crashes where ai-edge-litert 2.3 allocates its tensors; 10.0 does not.
QEMU_RELEASE, QEMU_PACKAGE, QEMU = "trixie", "qemu-user", "qemu-aarch64"
# What a Debian of this release can load, newest first; pip takes no range.
PLATFORMS = [f"manylinux_2_{minor}_aarch64" for minor in (36, 35, 34, 31, 28, 27, 26, 17)]

# By its own name, so that a test which starts `sys.executable` starts this again.
LAUNCHER = """#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
board=${here%/*}
export PYTHONHOME="$board/root/usr" PYTHONPATH="${PYTHONPATH:+$PYTHONPATH:}$here/packages"
exec "$board/qemu" -L "$board/root" -0 "$here/python" "$board/root/usr/bin/python3.11" "$@"
"""


def make_board(folder: Path) -> None:
    """Write the userland into `folder`, which is replaced when it is whole."""
    with debian.new_folder(folder) as (new, apt):
        unpack(download(apt, BOARD_RELEASE, BOARD_PACKAGES), new)
        _install(new / "tflite-runtime", "--no-deps", "-r", REQUIREMENTS / "tflite-runtime.txt")
        _install(new / "ai-edge-litert", "-c", REQUIREMENTS / "dev.txt", *_with_litert())


def download(folder: Path, release: str, packages: Sequence[str]) -> list[Path]:
    """Arm64 packages of a release, and QEMU for this machine, with apt's state in `folder`."""
    host = debian.architecture()
    sources = (("arm64", release), (host, QEMU_RELEASE))
    return debian.download(folder, sources, (*packages, f"{QEMU_PACKAGE}:{host}"))


def unpack(packages: Sequence[Path], folder: Path) -> None:
    """Unpack Debian's packages into FOLDER/root, and QEMU as FOLDER/qemu."""
    root = folder / "root"
    debian.unpack(packages, root)
    # Of all the machines that it comes with, the one.
    (root / "usr/bin" / QEMU).rename(folder / "qemu")
    for other in (root / "usr/bin").glob("qemu-*"):
        other.unlink()


def _install(folder: Path, *requirements: object) -> None:
    """Unpack wheels for aarch64, and write the launcher that finds them."""
    debian.run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--target", folder / "packages"),
        *("--only-binary", ":all:", "--implementation", "cp", "--python-version", "3.11"),
        *(f"--platform={platform}" for platform in PLATFORMS),
        *requirements,
    )
    debian.write_launcher(folder / "python", LAUNCHER)


def _with_litert() -> Iterator[str]:
    """The names in requirements/tflite-runtime.txt, with its successor in its place."""
    for line in (REQUIREMENTS / "tflite-runtime.txt").read_text().splitlines():
        name, pinned, _version = line.partition("==")
        if pinned:
            yield "ai-edge-litert" if name == "tflite-runtime" else name


if __name__ == "__main__":
    debian.run_maker(make_board, str(__doc__))
