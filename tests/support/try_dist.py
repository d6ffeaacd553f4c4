"""Tries a release: python -m tests.support.try_dist DIST FOLDER ...

For each of --pythons a new environment in FOLDER gets the source archive, as pip builds it, and
then the wheel in its place, which must install the same files. The tests that need no TensorFlow
then run in a folder that holds them and nothing of the package, so that what they import is what
was installed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements" / "dist-test.txt"
TEST_TOOLS = ("hypothesis", "pillow", "pytest")
# What the tests read beside themselves.
READ = ("pyproject.toml", "docs/contract.md")
MODELS = "build/test-models"
WHERE = "import tfl_depth.runtime as runtime; print(runtime.__file__)"


def try_dist(dist: Path, folder: Path, pythons: Sequence[str]) -> None:
    """Install and test with each Python, in subfolders of `folder`, which is emptied first."""
    (sdist,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")
    shutil.rmtree(folder, ignore_errors=True)
    tests = folder / "tests-alone"
    lay_out_tests(tests)
    for python in pythons:
        version = output(python, "-c", "import platform; print(platform.python_version())")
        print(f"Python {version}: {sdist.name}, {wheel.name}", flush=True)
        run(python, "-m", "venv", folder / version)
        installed = folder / version / "bin" / "python"
        pip = (installed, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
        # From its cache pip would take what it has built of an older archive of that name.
        run(*pip, "--no-cache-dir", "--no-deps", sdist)
        run(*pip, "--constraint", REQUIREMENTS, "tfl-depth[sign]", *TEST_TOOLS)
        of_sdist = package_files(installed, tests)
        run(*pip, "--force-reinstall", "--no-deps", wheel)
        if package_files(installed, tests) != of_sdist:
            sys.exit("The wheel and the source archive install different files.")
        run(installed, "-m", "pytest", "-p", "no:cacheprovider", "-m", "no_tensorflow", cwd=tests)


def lay_out_tests(folder: Path) -> None:
    """A folder to run the tests in, without the package's sources."""
    without_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=without_caches)
    shutil.copytree(ROOT / MODELS, folder / MODELS)
    for name in READ:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)


def package_files(python: Path, folder: Path) -> dict[str, str]:
    """Name and digest of each file of the package that Python finds from within `folder`."""
    package = Path(output(python, "-c", WHERE, cwd=folder)).parent.parent
    if python.parent.parent.resolve() not in package.resolve().parents:
        sys.exit(f"{python} takes tfl_depth from {package}, not from its own environment.")
    return {
        str(path.relative_to(package)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(package.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }


def run(*command: object, cwd: Path | None = None) -> None:
    """Run a command; end where it fails."""
    if subprocess.run(list(map(str, command)), cwd=cwd, env=environment()).returncode:
        sys.exit(f"This failed: {' '.join(map(str, command))}")


def output(*command: object, cwd: Path | None = None) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def environment() -> dict[str, str]:
    """This process's, without what would show the checkout to a Python."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dist", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pythons", nargs="+", required=True, metavar="PYTHON")
    options = parser.parse_args()
    try_dist(options.dist, options.folder.resolve(), options.pythons)
