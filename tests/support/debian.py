"""Packages of Debian, unpacked into a folder: no root, no change to the machine's own."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
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


@contextmanager
def new_folder(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Give the path of a folder to make and one for apt's state; put it in place once it is whole.

    A folder that is there is replaced then. Nothing is left of a folder that fails.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as work:
        new = Path(work, "new")
        yield new, Path(work, "apt")
        (new / ".complete").touch()
        if folder.exists():
            folder.rename(Path(work, "old"))
        new.rename(folder)


def write_launcher(path: Path, script: str) -> None:
    """Write a script that can be run."""
    path.write_text(script)
    path.chmod(0o755)


def run_maker(make: Callable[..., None], description: str, **choices: Sequence[str]) -> None:
    """Run a program that makes FOLDER, and takes one of the choices of each further argument."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", type=Path)
    for name, allowed in choices.items():
        parser.add_argument(name, choices=allowed)
    given = vars(parser.parse_args())
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        sys.exit("This needs apt-get and dpkg-deb of Debian, Ubuntu or the like.")
    if not KEYRING.is_file():
        sys.exit("This needs Debian's keys: apt install debian-archive-keyring.")
    make(given.pop("folder").resolve(), **given)


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
