"""Pythons for importers: found, named, made once, and never left half made."""

from __future__ import annotations

import pwd
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from tfl_depth.converters.importers import environments, making
from tfl_depth.converters.importers.environments import ENVIRONMENTS, ONNX, folder_of, python_of
from tfl_depth.errors import ConversionError

HERE = sys.version_info[1]


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> environments.Environment:
    """An environment of no packages for this Python; nothing is on PATH or in the cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.delenv(ONNX.variable, raising=False)
    requirements = tmp_path / "requirements"
    requirements.mkdir()
    (requirements / "nothing.txt").write_text("# no packages\n")
    monkeypatch.setattr(environments, "_REQUIREMENTS", requirements)
    return replace(ONNX, name="nothing", pythons=(HERE,), packages=(("no_such_module", "none", 1),))


def nobody(_: str) -> None:
    """Hears what is said."""


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_requirements_are_pinned_and_shipped() -> None:
    for environment in ENVIRONMENTS.values():
        lines = environment.requirements.read_text().splitlines()
        packages = [line for line in lines if line and not line.startswith("#")]
        assert all("==" in line for line in packages), environment.name
        names = {line.partition("==")[0].lower().replace("_", "-") for line in packages}
        assert {name for _, name, _ in environment.packages} <= names


def test_it_is_made_once_and_found_again(empty: environments.Environment) -> None:
    said: list[str] = []
    python = python_of(empty, say=said.append)
    assert subprocess.run([python, "-I", "-c", "import pip"]).returncode == 0
    assert python == folder_of(empty) / "bin" / "python"
    assert len(said) == 1
    assert "some minutes and about 0.7 GB" in said[0]
    assert python_of(empty, say=said.append) == python
    assert len(said) == 1


def test_two_at_once_make_it_once(
    empty: environments.Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def make(_: environments.Environment, folder: Path, steps: object) -> None:
        made.append(folder)
        folder.mkdir()
        (folder / ".complete").touch()

    monkeypatch.setattr(making, "_make", make)
    threads = [Thread(target=python_of, args=(empty,), kwargs={"say": nobody}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_a_half_made_one_is_made_again(empty: environments.Environment, tmp_path: Path) -> None:
    folder = folder_of(empty)
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "half").touch()
    script(tmp_path / "uv", f"/bin/mkdir -p {folder}/bin; : > {folder}/bin/python")
    assert python_of(empty, say=nobody).is_file()
    assert not (folder / "bin" / "half").exists()


def test_a_failure_is_one_sentence_and_leaves_nothing(
    empty: environments.Environment, tmp_path: Path
) -> None:
    folder = folder_of(empty)
    script(
        tmp_path / "uv",
        f"/bin/mkdir -p {folder}; echo some; echo ERROR: no package none==1.; echo help; exit 1",
    )
    words = r"Cannot create .*: ERROR: no package none==1\. Or "
    with pytest.raises(ConversionError, match=words) as failed:
        python_of(empty, say=nobody)
    assert "TFL_DEPTH_NOTHING_PYTHON" in str(failed.value)
    assert "\n" not in str(failed.value)
    assert not folder.exists()


def test_uv_is_taken_where_it_is(empty: environments.Environment, tmp_path: Path) -> None:
    folder = folder_of(empty)
    call = f'echo "$@ $UV_TORCH_BACKEND" >> {tmp_path}/calls; /bin/mkdir -p {folder}'
    script(tmp_path / "uv", call)
    python_of(empty, say=nobody)
    venv, install = (tmp_path / "calls").read_text().splitlines()
    assert venv.startswith(f"venv --quiet --python 3.{HERE} ")
    assert install.endswith(f"-r {empty.requirements} cpu")


def test_without_uv_and_without_a_python_that_fits(empty: environments.Environment) -> None:
    other = replace(empty, pythons=(99,))
    with pytest.raises(ConversionError, match=r"Python 3\.99, and neither .* install one\. Or set"):
        python_of(other)


def test_a_command_that_does_not_run_does_not_count(
    empty: environments.Environment, tmp_path: Path
) -> None:
    """As those of pyenv on PATH, for versions that are not switched on."""
    script(tmp_path / "python3.99", "exit 127")
    assert making.fitting_python(replace(empty, pythons=(99, HERE))) is not None
    assert making.fitting_python(replace(empty, pythons=(99,))) is None


def test_a_named_python_is_taken(
    empty: environments.Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(empty.variable, sys.executable)
    assert python_of(empty) == Path(sys.executable)
    monkeypatch.setenv(empty.variable, str(tmp_path / "gone"))
    with pytest.raises(
        ConversionError, match=r"_NOTHING_PYTHON names .*gone, which does not exist"
    ):
        python_of(empty)


def test_an_own_python_with_the_packages_is_taken(empty: environments.Environment) -> None:
    assert python_of(replace(empty, packages=(("numpy", "numpy", 1),))) == Path(sys.executable)
    assert not environments.has_packages(replace(empty, packages=(("numpy", "numpy", 99),)))


def test_a_cache_that_cannot_be_written(
    empty: environments.Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc")
    with pytest.raises(ConversionError, match=r"Cannot write into /proc.*XDG_CACHE_HOME"):
        python_of(empty, say=nobody)


def test_a_user_without_a_home_is_told_where_it_may_go(
    empty: environments.Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container whose user is a number only: it ended in a RuntimeError."""

    def nobody_known(_: int) -> None:
        raise KeyError

    for name in ("XDG_CACHE_HOME", "HOME", "PYENV_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody_known)
    with pytest.raises(ConversionError, match=r"no home folder. Set XDG_CACHE_HOME"):
        python_of(empty, say=nobody)
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc")
    with pytest.raises(ConversionError, match=r"Cannot write into /proc|neither such"):
        python_of(replace(empty, pythons=(0,)), say=nobody)
