"""What is shipped: the packages, the wheel, the commands, and how little the runtime loads."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SIBLINGS = ("converters", "runtime", "tools")
COMMANDS = (
    "benchmark",
    "convert",
    "doctor",
    "evaluate",
    "infer",
    "inspect",
    "placement",
    "prove",
    "sign",
    "train",
)

IMPORT_RUNTIME = """
import sys, tfl_depth.runtime
print(tfl_depth.runtime.__file__)
assert not {"tensorflow", "keras"} & set(sys.modules), "the runtime loads a training framework"
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: a build folder left in the checkout would leak into it."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for folder in ("tfl_depth", *SIBLINGS):
        shutil.copytree(ROOT / folder, source / folder)
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, source)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps",
        "--no-build-isolation", "--wheel-dir", str(target), str(source), cwd=target)  # fmt: skip
    return next(target.glob("*.whl"))


def run(*command: str, cwd: Path, **environment: str) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def packages_in_the_tree() -> Iterator[str]:
    for folder in ("tfl_depth", *SIBLINGS):
        prefix = "tfl_depth." if folder in SIBLINGS else ""
        for path in {file.parent for file in (ROOT / folder).rglob("*.py")}:
            yield prefix + ".".join(path.relative_to(ROOT).parts)


def test_setup_cfg_lists_every_package() -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    listed = config["options"]["packages"].split()
    assert sorted(listed) == sorted(packages_in_the_tree())


def test_wheel_brings_one_name(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    top_level = {name.split("/")[0] for name in names}
    assert {name for name in top_level if not name.endswith(".dist-info")} == {"tfl_depth"}
    for folder in SIBLINGS:
        assert f"tfl_depth/{folder}/__init__.py" in names
    assert "tfl_depth/py.typed" in names


def test_installed_runtime_is_light(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    loaded = run(sys.executable, "-c", IMPORT_RUNTIME, cwd=tmp_path)
    assert Path(loaded.strip()) == tmp_path / "tfl_depth" / "runtime" / "__init__.py"


def test_runtime_in_a_checkout_is_light() -> None:
    loaded = run(sys.executable, "-c", IMPORT_RUNTIME, cwd=ROOT)
    assert Path(loaded.strip()) == ROOT / "runtime" / "__init__.py"


@pytest.mark.parametrize("command", COMMANDS)
def test_command_runs_from_a_checkout(command: str, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    assert "usage" in run(str(ROOT / "tools" / command), "--help", cwd=tmp_path, PATH=path)
