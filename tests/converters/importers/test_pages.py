"""docs/frameworks: the lines that write a network, run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import keras
import pytest
from keras import layers

from tests.converters.importers.frameworks import framework_python, run_script
from tests.converters.importers.networks import small_tflite
from tfl_depth.converters.importers import identify
from tfl_depth.converters.importers.environments import TORCH

PAGES = Path(__file__).resolve().parents[3] / "docs" / "frameworks"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TORCH_MODEL = "import torch\nmodel = torch.nn.Conv2d(3, 1, 3, padding=1)\n"


def lines_of(page: str) -> str:
    found = BLOCK.findall((PAGES / page).read_text(encoding="utf-8"))
    assert found
    return "\n".join(found)


@pytest.mark.parametrize(
    ("page", "written"), [("keras.md", "network.keras"), ("tensorflow.md", "network")]
)
def test_keras(page: str, written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = keras.Sequential([keras.Input((16, 24, 3)), layers.Conv2D(1, 3, name="depth")])
    monkeypatch.chdir(tmp_path)
    exec(lines_of(page), {"model": model})  # noqa: S102
    assert identify(tmp_path / written).framework in ("keras", "tensorflow")


def test_tflite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "network.tflite").write_bytes(small_tflite())
    monkeypatch.chdir(tmp_path)
    exec(lines_of("tflite.md"), {})  # noqa: S102
    assert capsys.readouterr().out == "('fine', 'coarse')\n"


@pytest.mark.frameworks
@pytest.mark.parametrize(
    ("page", "written"), [("pytorch.md", "network.pt2"), ("onnx.md", "network.onnx")]
)
def test_torch(page: str, written: str, tmp_path: Path) -> None:
    script = tmp_path / "export.py"
    place = f"import os\nos.chdir({str(tmp_path)!r})\n"
    script.write_text(place + TORCH_MODEL + lines_of(page), encoding="utf-8")
    run_script(framework_python(TORCH), script)
    assert identify(tmp_path / written).framework in ("pytorch", "onnx")
