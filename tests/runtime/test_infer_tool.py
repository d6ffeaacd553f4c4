"""tools/infer: what it writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests import ramp
from tfl_depth.runtime import DepthRunner
from tfl_depth.tools import infer


@pytest.fixture
def photo_file(tmp_path: Path, photo: npt.NDArray[np.uint8]) -> Path:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), photo)
    return path


def test_writes_the_millimetres_and_a_picture_with_a_legend(
    net: Path, photo_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert infer.main([str(net), str(photo_file), "--output", str(tmp_path / "depth")]) == 0
    written = cv2.imread(str(tmp_path / "depth/photo_depth.png"), cv2.IMREAD_UNCHANGED)
    assert written is not None
    with DepthRunner(net) as runner:
        assert np.array_equal(written, runner.infer(photo_file))
    picture = cv2.imread(str(tmp_path / "depth/photo_colour.png"))
    assert picture is not None
    assert picture.shape[0] > 150 and picture.shape[1] == 210
    assert str(photo_file) in capsys.readouterr().out


def test_depth_past_16_bits_goes_to_a_numpy_file(
    models: Path, photo_file: Path, tmp_path: Path
) -> None:
    model = models / ramp.file_name("80m-growing")
    assert infer.main([str(model), str(photo_file), "--output", str(tmp_path)]) == 0
    depth_mm = np.load(tmp_path / "photo_depth.npy")
    assert depth_mm.dtype == np.uint32
    assert not (tmp_path / "photo_depth.png").exists()


def test_many_photos_each_get_their_own_files(net: Path, photo_file: Path, tmp_path: Path) -> None:
    other = photo_file.with_name("other.png")
    other.write_bytes(photo_file.read_bytes())
    assert infer.main([str(net), str(photo_file), str(other), "--output", str(tmp_path)]) == 0
    assert {p.name for p in tmp_path.glob("*_depth.png")} == {"photo_depth.png", "other_depth.png"}


def test_photos_that_would_write_the_same_file_are_refused(
    net: Path, photo_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        str(net),
        str(photo_file),
        "elsewhere/photo.jpg",
        "--output",
        str(tmp_path / "new"),
    ]
    assert infer.main(arguments) == 1
    assert "photo" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("missing", ["model", "photo"])
def test_a_missing_file_is_one_clear_error(
    missing: str, net: Path, photo_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = tmp_path / "absent"
    model, photo = (absent, photo_file) if missing == "model" else (net, absent)
    assert infer.main([str(model), str(photo), "--output", str(tmp_path / "new")]) == 1
    assert "absent" in capsys.readouterr().err
    assert not list((tmp_path / "new").glob("*"))


def test_no_input_is_a_usage_error(net: Path) -> None:
    with pytest.raises(SystemExit) as stop:
        infer.main([str(net)])
    assert stop.value.code == 2
