"""Unpacks Debian's OpenSSH server: .venv/bin/python -m tests.support.make_sshd FOLDER."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.support import debian

RELEASE, PACKAGE = "bookworm", "openssh-server"


def make_sshd(folder: Path) -> None:
    """Write the server and its libraries into `folder`, which is replaced when it is whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as work:
        new = Path(work, "new")
        here = debian.architecture()
        debian.unpack(debian.download(Path(work, "apt"), [(here, RELEASE)], [PACKAGE]), new)
        (new / ".complete").touch()
        if folder.exists():
            folder.rename(Path(work, "old"))
        new.rename(folder)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    chosen = arguments.parse_args()
    if lacking := debian.lacking():
        sys.exit(lacking)
    make_sshd(chosen.folder.resolve())
