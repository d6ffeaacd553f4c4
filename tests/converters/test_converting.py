"""`convert` in Python: photos, options and a target in, one object out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.photos import write_photos
from tfl_depth import DepthRunner, convert
from tfl_depth.converters import Conversion
from tfl_depth.converters.zoo_models import make_model
from tfl_depth.errors import ConversionError, ConversionWarning
from tfl_depth.zoo_folder import ZooEntry, zoo_entry

ROOT = Path(__file__).resolve().parents[2]
ENTRY = ZooEntry(ROOT / "zoo" / "pico-nyu-192x256")
NETWORK = ENTRY.folder / "float.tflite"
TARGET = "ethos-u55-128"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("converting") / "photos"
    write_photos(folder)
    return folder


@pytest.fixture(scope="module")
def model(photos: Path) -> Conversion:
    with pytest.warns(ConversionWarning, match="There are only 12 photos"):
        # Wide spans: by 1 m the plainest recipe is off by half a span on these photos.
        return convert(NETWORK, photos, target=TARGET, max_depth_m=10, span_m=5.0, recipe="minmax")


def test_it_says_five_lines_and_no_bytes(model: Conversion) -> None:
    lines = str(model).splitlines()
    titles = ["verdict", "median", "95 %", "size", "placement"]
    assert [line[:10].strip() for line in lines] == titles
    assert "CHECK: There are only 12 photos" in lines[0]
    assert f"{model.contract.verification['median_mm']:.1f} mm from the network" in lines[1]
    assert "int8 192x256, 0." in lines[3]
    assert model.placed is not None
    count = len(model.placed.placement.operators)
    assert f"{TARGET}: {count} of {count} operators on the NPU, " in lines[4]
    for each in (model, model.placed, model.placed.placement, model.contract):
        assert "\n" not in repr(each) and len(repr(each)) < 200 and "\\x" not in repr(each)


def test_it_saves_what_the_command_writes(model: Conversion, photos: Path, tmp_path: Path) -> None:
    files = model.save(tmp_path / "net.tflite")
    ends = [".tflite", ".json", "_placement.json", "_vela.tflite", "_placement.png"]
    assert [path.name for path in files] == [f"net{end}" for end in ends]
    assert all(path.is_file() for path in files)
    assert json.loads(files[1].read_text())["target"] == TARGET
    with pytest.raises(ConversionError, match="exists"):
        model.save(tmp_path / "net.tflite")
    model.save(str(tmp_path / "net.tflite"), overwrite=True)
    with DepthRunner(files[0]) as runner:
        depth_mm = runner.infer(min(photos.iterdir()))
    assert depth_mm.shape == (128, 192) and depth_mm.any()


def test_golden_vectors_may_be_of_other_photos(photos: Path) -> None:
    paths = sorted(photos.iterdir())
    with pytest.warns(ConversionWarning, match="only 8 photos"):
        made = convert(
            NETWORK, paths[:8], spans=(0, 2, 4, 10), recipe="minmax", golden_photos=paths[8:9]
        )
    assert made.contract.edges_m == (0, 2, 4, 10)
    assert made.contract.golden is not None and made.contract.golden.images == 1
    assert str(made).endswith("cpu: runs on every processor")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"target": "npu"}, "Expected a target of cpu, .*got 'npu'"),
        ({"target": "coral", "precision": "float32"}, "coral takes int8, not float32"),
        ({"strict_placement": True}, "needs a --target with an NPU"),
        ({"memory_mode": "Shared_Sram"}, "cpu is not compiled by Vela"),
        ({"spans": (0, 5, 10), "span_m": 1.0}, "edges of all spans"),
        ({"spans": (5, 0)}, "edges"),
        ({"fov": 70, "intrinsics": (1, 1, 1, 1)}, "either intrinsics or a field of view"),
    ],
)
def test_options_are_checked(options: dict[str, object], said: str, photos: Path) -> None:
    with pytest.raises(ConversionError, match=said):
        convert(NETWORK, photos, **options)  # type: ignore[arg-type]


def test_a_network_of_the_zoo_is_compiled_for_a_target(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFL_DEPTH_ZOO", str(tmp_path))
    folder = tmp_path / ENTRY.name
    folder.mkdir()
    for name in ("float.tflite", "int8.tflite", "metrics.json"):
        (folder / name).write_bytes((ENTRY.folder / name).read_bytes())
    made, files = make_model(zoo_entry("pico-nyu"), "armnn")
    assert [path.name for path in files] == ["armnn.tflite", "armnn.json", "armnn_placement.json"]
    assert made.model == (folder / "int8.tflite").read_bytes() == files[0].read_bytes()
    with pytest.raises(ConversionError, match="exists"):
        make_model(zoo_entry("pico-nyu"), "cpu")


def test_the_import_loads_neither_tensorflow_nor_keras() -> None:
    code = (
        "import sys, tfl_depth; assert 'numpy' not in sys.modules;"
        "from tfl_depth import DepthRunner, convert;"
        "print({'tensorflow', 'keras', 'torch'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("set()\n", 0), done.stderr
