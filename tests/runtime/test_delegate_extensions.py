"""Delegates of other packages: folders that look like installed distributions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tfl_depth.errors import DelegateError
from tfl_depth.runtime.delegates import Board, select_delegate
from tfl_depth.runtime.delegates.extensions import all_rows, find_row, known_names
from tfl_depth.runtime.delegates.table import TABLE

Install = Callable[..., None]
ROW = """
from tfl_depth.runtime.delegates import DelegateSpec
ROW = DelegateSpec(
    title="Acme NPU", libraries=("libacme.so",), options={"speed": "1 to 3"},
    defaults={"speed": "2"}, environment={"ACME_LOG": "0"}, devices=("/dev/acme0",),
)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a distribution where Python finds it: a module, and what its metadata promises."""
    modules = []

    def install(distribution: str, name: str, source: str) -> None:
        site, module = tmp_path / distribution, f"{distribution}_npu"
        metadata = site / f"{distribution}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (site / f"{module}.py").write_text(source)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\n")
        points = f"[tfl_depth.delegates]\n{name} = {module}:ROW\n"
        (metadata / "entry_points.txt").write_text(points)
        monkeypatch.syspath_prepend(site)
        modules.append(module)

    yield install
    for module in modules:
        sys.modules.pop(module, None)


@pytest.fixture
def model(models: Path) -> bytes:
    return (models / "ramp-10m-1m-single-int8.tflite").read_bytes()


def test_a_package_brings_a_delegate(install: Install, model: bytes, tmp_path: Path) -> None:
    install("acme", "acme", ROW)
    for file in ("usr/lib/libacme.so", "dev/acme0"):
        (tmp_path / "board" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "board" / file).touch()
    board = Board(tmp_path / "board")
    for delegate in ("acme", "auto"):
        chosen = select_delegate(delegate, {}, model, board=board)
        assert chosen.name == "acme"
        assert chosen.library == str(tmp_path / "board/usr/lib/libacme.so")
        assert chosen.options == {"speed": "2"}
        assert chosen.environment == {"ACME_LOG": "0"}
    with pytest.raises(DelegateError, match=r"acme \(speed\), got color"):
        select_delegate("acme", {"color": "red"}, model, board=board)


def test_names_come_without_an_import(install: Install) -> None:
    assert known_names() == tuple(TABLE)
    install("acme", "acme", "raise RuntimeError")
    assert known_names() == (*TABLE, "acme")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import a_module_that_is_not_there", r"of acme cannot be loaded.*a_module_that"),
        ("raise RuntimeError('no license')", r"of acme cannot be loaded.*no license"),
        ("ROW = 'libacme.so'", r"of acme to be a DelegateSpec, got str"),
    ],
)
def test_a_broken_package_is_named_and_harms_no_other(
    source: str, message: str, install: Install
) -> None:
    install("acme", "acme", source)
    with pytest.raises(DelegateError, match=message):
        find_row("acme")
    with pytest.warns(UserWarning, match=message):
        assert set(all_rows()) == set(TABLE)


def test_two_that_bring_one_name_are_refused(install: Install) -> None:
    install("acme", "vx", ROW)
    with pytest.raises(DelegateError, match=r"'vx'\. Remove acme"):
        find_row("vx")
    install("other", "mine", ROW)
    install("third", "mine", ROW)
    with pytest.raises(DelegateError, match=r"'mine': remove (other, third|third, other)"):
        find_row("mine")
