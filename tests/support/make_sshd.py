"""Unpacks Debian's OpenSSH server: .venv/bin/python -m tests.support.make_sshd FOLDER."""

from __future__ import annotations

from pathlib import Path

from tests.support import debian

RELEASE, PACKAGE = "bookworm", "openssh-server"


def make_sshd(folder: Path) -> None:
    """Write the server and its libraries into `folder`, which is replaced when it is whole."""
    with debian.new_folder(folder) as (new, apt):
        here = debian.architecture()
        debian.unpack(debian.download(apt, [(here, RELEASE)], [PACKAGE]), new)


if __name__ == "__main__":
    debian.run_maker(make_sshd, str(__doc__))
