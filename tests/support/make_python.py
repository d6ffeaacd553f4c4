"""Makes a newer Python to test with: .venv/bin/python -m tests.support.make_python FOLDER VERSION.

Debian's Python of that version is unpacked into a folder with its own C library, and what converts
a float .tflite beside it: neither TensorFlow nor Keras. FOLDER/python starts it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support import debian

# The newest release that has it; every other Python is not among Debian's packages.
RELEASES = {"3.13": "trixie", "3.14": "sid"}
REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"
# A linker for each of Debian's architectures, and the wheels' name for that.
LINKERS = {
    "amd64": ("lib64/ld-linux-x86-64.so.2", "x86_64"),
    "arm64": ("lib/ld-linux-aarch64.so.1", "aarch64"),
}
GLIBC_MINORS = (39, 36, 35, 34, 31, 28, 27, 26, 17)
LAUNCHER = """#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONHOME="$here/root/usr" PYTHONPATH="$here/packages${{PYTHONPATH:+:$PYTHONPATH}}"
exec "$here/root/usr/{linker}" --library-path "$here/root/usr/lib/{machine}-linux-gnu" \\
  --argv0 "$here/python" "$here/root/usr/bin/python{version}" "$@"
"""


def make_python(folder: Path, version: str) -> None:
    """Write the Python into `folder`, which is replaced when it is whole."""
    architecture = debian.architecture()
    linker, machine = LINKERS[architecture]
    with debian.new_folder(folder) as (new, apt):
        wanted = (f"python{version}", "libstdc++6")
        sources = [(architecture, RELEASES[version])]
        debian.unpack(debian.download(apt, sources, wanted), new / "root")
        _install(new / "packages", version, machine)
        script = LAUNCHER.format(linker=linker, machine=machine, version=version)
        debian.write_launcher(new / "python", script)


def _install(folder: Path, version: str, machine: str) -> None:
    """Unpack the wheels of that Python."""
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in GLIBC_MINORS]
    debian.run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--target", folder),
        *("--only-binary", ":all:", "--implementation", "cp", "--python-version", version),
        *(*platforms, "--no-deps", "--require-hashes"),
        *("--requirement", REQUIREMENTS / "hashed/pythons.txt"),
    )


if __name__ == "__main__":
    debian.run_maker(make_python, str(__doc__), version=tuple(RELEASES))
