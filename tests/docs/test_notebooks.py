"""The notebooks: they run, and what they store is what a run prints and shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from docs.scripts.notebook_page import notebook_page, output_text, picture, read_notebook
from docs.scripts.run_notebooks import run_cells
from tests.converters.importers.frameworks import framework_python
from tests.support.length import length
from tests.support.site import built_site
from tfl_depth.converters.importers.environments import TORCH

ROOT = Path(__file__).resolve().parents[2]
COST, PYTORCH = (
    ROOT / "docs" / "notebooks" / f"{name}.ipynb" for name in ("what-int8-costs", "pytorch-to-int8")
)
NOTEBOOKS = sorted((ROOT / "docs").rglob("*.ipynb"))
# Pictures of all notebooks together, in bytes; a picture's width, in pixels.
MOST_BYTES, WIDEST = 1_000_000, 1200
# The network of `COST`, and a smaller one, which `make test` runs its cells with.
NETWORK, SMALLER = "lite0-nyu", "pico-nyu"
# Numbers differ in their last digits where other kernels or processors compute them.
NUMBER = re.compile(r"[+-]?\d[\d.,]*")


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def shown(notebook: dict[str, Any]) -> list[list[str]]:
    """What each cell shows: texts without their numbers, and that there is a picture."""
    return [
        [
            "picture" if picture(output) else NUMBER.sub("#", output_text(output))
            for output in cell["outputs"]
        ]
        for cell in code_cells(notebook)
    ]


def run(notebook: Path, output: Path, *options: str, warnings: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "docs.scripts.run_notebooks", str(notebook), *options]
    done = subprocess.run(
        [*command, "--output", str(output)],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": warnings},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return read_notebook(output)


def test_they_are_all_here() -> None:
    assert {COST, PYTORCH} == set(NOTEBOOKS)


@pytest.mark.slow
def test_what_int8_costs_runs(tmp_path: Path) -> None:
    text = COST.read_text(encoding="utf-8")
    assert f'zoo_entry(\\"{NETWORK}\\")' in text
    given = tmp_path / "given.ipynb"
    given.write_text(text.replace(NETWORK, (SMALLER, NETWORK)[length(0, 1)]), encoding="utf-8")
    made = run(given, tmp_path / COST.name, warnings=os.environ["PYTHONWARNINGS"])
    assert shown(made) == shown(read_notebook(COST))


@pytest.mark.frameworks
def test_pytorch_to_int8_runs(tmp_path: Path) -> None:
    framework_python(TORCH)
    # PyTorch's own imports warn.
    made = run(PYTORCH, tmp_path / PYTORCH.name, "--environment", "torch", warnings="default")
    assert shown(made) == shown(read_notebook(PYTORCH))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_stored_outputs_are_of_one_run_from_top_to_bottom(path: Path) -> None:
    cells = code_cells(read_notebook(path))
    assert [cell["execution_count"] for cell in cells] == [*range(1, len(cells) + 1)]
    for cell in cells:
        pictures = [output for output in cell["outputs"] if picture(output)]
        # A picture has a text for those who do not see it.
        assert len(pictures) == ("alt" in cell["metadata"])


def test_the_pictures_are_small() -> None:
    pictures = [each for path in NOTEBOOKS for each in notebook_page(path).pictures.values()]
    assert len(pictures) > 5
    assert sum(map(len, pictures)) < MOST_BYTES
    for content in pictures:
        decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None and decoded.shape[1] <= WIDEST


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_site_shows_them(path: Path) -> None:
    page = built_site() / "notebooks" / f"{path.stem}.html"
    text = page.read_text(encoding="utf-8")
    for name, content in notebook_page(path).pictures.items():
        assert f'src="{name}"' in text
        assert (page.parent / name).read_bytes() == content
    assert f'href="{path.name}"' in text and (page.parent / path.name).is_file()


SHOWN = """\
class Shown:
    def __repr__(self):
        return "<Shown>"

    def _repr_png_(self):
        return b"PNG"
"""


def test_a_cell_prints_and_shows_its_last_value() -> None:
    sources = [f"{SHOWN}print(1)\nx = 2", "x + 1", "None", "x = x\nprint(x, end='')\nShown()"]
    cells: list[dict[str, Any]] = [{"cell_type": "code", "source": [each]} for each in sources]
    run_cells({"cells": [{"cell_type": "markdown", "source": ["# Title"]}, *cells]})
    assert [[output_text(each) for each in cell["outputs"]] for cell in cells] == [
        ["1\n"],
        ["3"],
        [],
        ["2", "<Shown>"],
    ]
    assert picture(cells[3]["outputs"][1]) == b"PNG"
