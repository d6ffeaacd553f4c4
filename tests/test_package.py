"""What is shipped: the packages, the wheel, the commands, and how little the runtime loads."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import cv2
import numpy as np
import pytest

import tfl_depth
from tests.support.small_net import run_convert, write_examples
from tests.support.try_dist import package_files
from tfl_depth.runtime import DepthRunner

ROOT = Path(__file__).resolve().parent.parent
# Links from tfl_depth/ to the folders of the checkout's root.
LINKED = ("converters", "runtime", "tools")
# What the source archive has all files of, beside the package.
ARCHIVED = ("docs", "examples", "requirements", "tests")
HASHED = ROOT / "requirements" / "hashed"
MIB = 2**20
IMPORT_RUNTIME = """
import sys, tfl_depth.runtime
print(tfl_depth.runtime.__file__)
assert not {"tensorflow", "keras"} & set(sys.modules), "the runtime loads a training framework"
assert "absl" not in sys.modules, "the runtime loads what the commands are made of"
"""

INFER = "import sys; from tfl_depth.tools.infer import main; sys.exit(main())"


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive, and the wheel built from it; of a copy, as other builds leave files."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for folder in (*ARCHIVED, *LINKED, "tfl_depth", "zoo"):
        shutil.copytree(ROOT / folder, source / folder, symlinks=True)
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, source)
    build = ("-m", "build", "--no-isolation", "--outdir", str(target), str(source))
    run(sys.executable, *build, cwd=target)
    return target


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    (file,) = dist.glob("*.whl")
    return file


@pytest.fixture(scope="session")
def archive(dist: Path) -> dict[str, int]:
    """Names in the source archive, below its one folder, and their bytes."""
    (file,) = dist.glob("*.tar.gz")
    assert file.stat().st_size < 5 * MIB
    with tarfile.open(file) as opened:
        members = [member for member in opened.getmembers() if member.isfile()]
    return {member.name.partition("/")[2]: member.size for member in members}


def run(*command: str, cwd: Path, **environment: str) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def files_of_the_package() -> Iterator[str]:
    """All below tfl_depth/, by their names in the archives."""
    for folder in ("tfl_depth", *(f"tfl_depth/{name}" for name in LINKED)):
        for path in files_below(ROOT / folder):
            yield str(path.relative_to(ROOT))


def files_below(folder: Path) -> Iterator[Path]:
    """Without what Python leaves there."""
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def test_wheel_brings_one_name(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    top_level = {name.split("/")[0] for name in names}
    assert {name for name in top_level if not name.endswith(".dist-info")} == {"tfl_depth"}
    for folder in LINKED:
        assert f"tfl_depth/{folder}/__init__.py" in names
    assert "tfl_depth/py.typed" in names


def test_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    # The launchers of a checkout's tools/ have no suffix.
    assert names == {name for name in files_of_the_package() if Path(name).suffix}
    assert wheel.stat().st_size < MIB


def test_source_archive_holds_what_a_reader_needs_and_no_checkpoint(
    archive: dict[str, int],
) -> None:
    expected = {
        str(path.relative_to(ROOT)) for folder in ARCHIVED for path in files_below(ROOT / folder)
    }
    expected |= set(files_of_the_package())
    expected |= {str(path.relative_to(ROOT)) for path in ROOT.glob("zoo/**/*.md")}
    expected |= {str(path.relative_to(ROOT)) for path in ROOT.glob("zoo/*/*.json")}
    expected |= {
        "CHANGES.md",
        "CITATION.cff",
        "DESCRIPTION.md",
        "LICENSE",
        "Makefile",
        "NOTICE",
        "README.md",
    }
    assert expected <= archive.keys()
    assert not [name for name in archive if name.endswith((".keras", ".pyc"))]
    # Once each: what tfl_depth/ links to is there, and not at the root as well.
    assert not [name for name in archive if name.startswith(tuple(f"{it}/" for it in LINKED))]


@pytest.mark.parametrize("hashed", sorted(HASHED.glob("*.txt")), ids=lambda path: path.stem)
def test_every_pin_has_its_hashes(hashed: Path) -> None:
    """After a pin has changed: make hashes."""
    pinned = pins(HASHED.parent / hashed.name, ending=r"$")
    assert pinned == pins(hashed, ending=r" \\\n +--hash=sha256:[0-9a-f]{64}")


def pins(file: Path, ending: str) -> set[tuple[str, str]]:
    """Name, in lower case without dots and underscores, and version of each pin in a file."""
    pattern = re.compile(rf"^([\w.-]+)==([\w.]+){ending}", re.MULTILINE)
    found = pattern.findall(file.read_text(encoding="utf-8"))
    return {(re.sub("[._]", "-", name).lower(), version) for name, version in found}


def test_version_is_semantic_and_the_first_of_the_changes() -> None:
    version = tfl_depth.__version__
    assert re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(rc\d+)?", version)
    changes = (ROOT / "CHANGES.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", changes, re.MULTILINE)[0] == version


def test_the_citation_is_of_this_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {tfl_depth.__version__}\n" in citation


def test_the_wheel_has_its_licenses_and_its_authors(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        (metadata,) = (name for name in content.namelist() if name.endswith(".dist-info/METADATA"))
        text = content.read(metadata).decode()
        licenses = {name for name in content.namelist() if "/licenses/" in name}
    for line in ("Author: The tfl-depth authors", "License: Apache-2.0"):
        assert f"\n{line}\n" in text
    assert {Path(name).name for name in licenses} == {"LICENSE", "NOTICE"}


def test_description_on_an_index_has_no_link_into_the_checkout(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        (metadata,) = (name for name in content.namelist() if name.endswith(".dist-info/METADATA"))
        text = content.read(metadata).decode()
    description = (ROOT / "DESCRIPTION.md").read_text(encoding="utf-8")
    assert text.endswith(f"\n\n{description}")
    targets = re.findall(r"\]\(([^)]*)\)|(?:src|href)=\"([^\"]*)\"", description)
    assert not [target for pair in targets for target in pair if target and "://" not in target]
    # Every extra that it names exists.
    named = re.findall(
        r"`([a-z0-9]+)`", "".join(re.findall(r"^\|.*?\|", description, re.MULTILINE))
    )
    assert set(named) <= set(re.findall(r"^Provides-Extra: (\S+)$", text, re.MULTILINE))


def test_wheel_says_its_version(wheel: Path) -> None:
    assert wheel.name == f"tfl_depth-{tfl_depth.__version__}-py3-none-any.whl"


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs' folder of a new environment with the wheel, and with what this one has."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet")
    # pip uses what it warns of.
    run(*pip, "--no-index", "--no-deps", str(wheel), cwd=folder, PYTHONWARNINGS="default")
    (packages,) = folder.glob("lib/python*/site-packages")
    # The others' files; a path in a .pth file brings no links to checkouts with it.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    return python.parent


def test_installed_package_infers_as_the_checkout(installed: Path, tmp_path: Path) -> None:
    examples = write_examples(tmp_path / "work")
    assert run_convert(examples, tmp_path, "--int8", "--max-depth", "10") == 0
    photo = examples / "photos" / "astronaut0.jpg"
    call = (str(tmp_path / "model.tflite"), str(photo), "--output", str(tmp_path / "depth"))
    run(str(installed / "python"), "-c", INFER, *call, cwd=tmp_path)
    written = cv2.imread(str(tmp_path / "depth" / "astronaut0_depth.png"), cv2.IMREAD_UNCHANGED)
    with DepthRunner(tmp_path / "model.tflite") as runner:
        np.testing.assert_array_equal(np.asarray(written), runner.infer(photo))


def test_installed_runtime_is_light(installed: Path, tmp_path: Path) -> None:
    loaded = run(str(installed / "python"), "-c", IMPORT_RUNTIME, cwd=tmp_path)
    assert installed.parent in Path(loaded.strip()).parents


def test_installed_commands_say_their_version(installed: Path, tmp_path: Path) -> None:
    commands = sorted(installed.glob("tfl-depth*"))
    assert commands
    for command in commands:
        said = run(str(command), "--version", cwd=tmp_path)
        assert said == f"tfl-depth {tfl_depth.__version__}\n", command.name


def test_a_release_is_tried_only_as_installed(wheel: Path, installed: Path, tmp_path: Path) -> None:
    """By `make dist-test`."""
    found = package_files(installed / "python", tmp_path)
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert {f"tfl_depth/{name}" for name in found} == names
    with pytest.raises(SystemExit, match="not from its own environment"):
        package_files(Path(sys.executable), ROOT)


def test_runtime_in_a_checkout_is_light() -> None:
    loaded = run(sys.executable, "-c", IMPORT_RUNTIME, cwd=ROOT)
    assert Path(loaded.strip()) == ROOT / "tfl_depth" / "runtime" / "__init__.py"


def test_wheel_brings_one_command(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith("/entry_points.txt"))
    config = ConfigParser()
    config.read_string(archive.read(name).decode())
    assert dict(config["console_scripts"]) == {"tfl-depth": "tfl_depth.tools.cli:main"}
