"""Makes an arm64 userland with Arm NN: .venv/bin/python -m tests.support.make_armnn FOLDER.

Debian 13's packages of Arm NN and its Python are unpacked into a folder, and QEMU runs both, as
tests/support/make_board.py does with another release. FOLDER/python is then a Python that has
pyarmnn.
"""

from __future__ import annotations

from pathlib import Path

from tests.support import debian
from tests.support.make_board import download, unpack

RELEASE = "trixie"
PACKAGES = ("python3-pyarmnn", "libarmnn-cpuacc-backend33", "libarmnntfliteparser24t64")
# BLAS and LAPACK lie in folders that Debian's alternatives point to, once they are installed.
LIBRARIES = "/usr/lib/aarch64-linux-gnu"
LAUNCHER = f"""#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
export PYTHONHOME="$here/root/usr" PYTHONPATH="$here/root/usr/lib/python3/dist-packages"
exec "$here/qemu" -L "$here/root" -0 "$here/python" \\
  -E "LD_LIBRARY_PATH={LIBRARIES}/blas:{LIBRARIES}/lapack" "$here/root/usr/bin/python3.13" "$@"
"""


def make_armnn(folder: Path) -> None:
    """Write the userland into `folder`, which is replaced when it is whole."""
    with debian.new_folder(folder) as (new, apt):
        unpack(download(apt, RELEASE, PACKAGES), new)
        # The programs name their loader in /lib, which base-files would have made.
        (new / "root" / "lib").symlink_to("usr/lib")
        debian.write_launcher(new / "python", LAUNCHER)


if __name__ == "__main__":
    debian.run_maker(make_armnn, str(__doc__))
