"""Packages of Debian, unpacked into a folder: no root, no change to the machine's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
DEBIAN = "http://deb.debian.org/debian"

APT = """
APT::Architecture "{first}";
APT::Architectures {{ {all} }};
APT::Sandbox::User "root";
Acquire::Languages "none";
Dir::State "{folder}";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferencesparts "-";
"""


def architecture() -> str:
    """This machine's, in Debian's words."""
    return run("dpkg", "--print-architecture").strip()


def download(
    folder: Path, sources: Sequence[tuple[str, str]], packages: Iterable[str]
) -> list[Path]:
    """Fetch packages with all that they need; returns the .deb files.

    Args:
        folder: for apt's state, made here.
        sources: architectures and releases. A package that names no architecture is of the first.
        packages: NAME or NAME:ARCHITECTURE.
    """
    for part in ("lists/partial", "archives/partial"):
        (folder / part).mkdir(parents=True)
    lines = [
        f"deb [arch={arch} signed-by={KEYRING}] {DEBIAN} {release} main"
        for arch, release in sources
    ]
    (folder / "sources.list").write_text("\n".join(lines) + "\n")
    names = " ".join(f'"{arch}";' for arch, _ in dict(sources).items())
    text = APT.format(folder=folder, first=sources[0][0], all=names)
    (folder / "apt.conf").write_text(text)
    # Nothing is installed. In a folder of its own, as apt puts its lock beside it.
    (folder / "status").touch()
    configured = {"APT_CONFIG": str(folder / "apt.conf")}
    run("apt-get", "-qq", "update", "--error-on=any", environment=configured)
    run(
        *("apt-get", "-qq", "install", "--yes", "--download-only", "--no-install-recommends"),
        *packages,
        environment=configured,
    )
    return sorted((folder / "archives").glob("*.deb"))


def unpack(packages: Iterable[Path], root: Path) -> None:
    """Unpack .deb files into a folder that is made here."""
    root.mkdir(parents=True)
    for package in packages:
        run("dpkg-deb", "--extract", package, root)


def run(*command: Any, environment: dict[str, str] | None = None) -> str:
    """Run a command and return what it prints; ends the program where it fails."""
    done = subprocess.run(
        list(map(str, command)),
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{command[0]} fails: {' '.join(done.stderr.split())}")
    return done.stdout


def lacking() -> str | None:
    """What this machine lacks to do all this; None where nothing is."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return "This needs apt-get and dpkg-deb of Debian, Ubuntu or the like."
    if not KEYRING.is_file():
        return "This needs Debian's keys: apt install debian-archive-keyring."
    return None
