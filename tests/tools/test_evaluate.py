"""tools/evaluate, on slopes whose depth is known."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
import pytest
from keras import layers

from tests.support.synthetic_data import SIZE, write_dataset
from tfl_depth.chart_style import COLORS
from tfl_depth.data.crops import NYU_EIGEN
from tfl_depth.evaluation.edges import EdgeDistances
from tfl_depth.evaluation.image_scores import ImageScores
from tfl_depth.evaluation.metrics import METRICS, PixelSums
from tfl_depth.tools import convert, evaluate
from tfl_depth.tools.lib.evaluate_text import images_csv


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "slopes", {"val": 6})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Undoes the slopes' shading: depth = (250 - gray) * 25 mm, but 30 % too far."""
    pixels = keras.Input((*SIZE, 3))
    convolution = layers.Conv2D(1, 1)
    depth = convolution(layers.Rescaling(1 / 255)(pixels))
    network = keras.Model(pixels, depth)
    gain = -1.3 * 0.025 * 255 / 3
    convolution.set_weights([np.full((1, 1, 3, 1), gain), np.array([1.3 * 0.025 * 250])])
    path = tmp_path_factory.mktemp("model") / "model.keras"
    network.save(path)
    return path


@pytest.fixture(scope="module")
def tflite(model: Path, data: Path) -> Path:
    output = model.with_name("model.tflite")
    arguments = [str(model), "--int8", "--representative", str(data / "rgb"), "--max-depth", "10"]
    # TensorFlow multiplies its Rescaling into the 1x1 convolution behind it.
    arguments += ["--input-range", "0,255", "--output", str(output)]
    assert convert.main(arguments) == 0
    return output


def arguments(model: Path, data: Path) -> list[str]:
    return [str(model), "--dataset", "nyuv2", "--data", str(data)]


def result(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    capsys.readouterr()
    assert evaluate.main([*options, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_a_known_error_is_measured(
    model: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = result(capsys, *arguments(model, data))
    assert measured["images"] == 6
    assert measured["alignment"] is None
    assert measured["metrics"]["abs_rel"] == pytest.approx(0.3, abs=0.03)
    assert measured["metrics"]["delta1"] < 0.3 < 0.7 < measured["metrics"]["delta2"]


def test_distance_bins_hold_every_pixel_once(
    model: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = result(capsys, *arguments(model, data))
    bins = measured["distance_bins"]
    assert sum(each["pixels"] for each in bins) == 6 * NYU_EIGEN.mask(*SIZE).sum()
    assert bins[0]["near_m"] == 1
    assert measured["pooled"]["abs_rel"] == pytest.approx(measured["metrics"]["abs_rel"], rel=0.1)


def test_broken_pairs_stop_it_unless_they_are_to_be_skipped(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = shutil.copytree(data, tmp_path / "broken")
    (broken / "depth" / "val2.png").write_bytes(b"no picture")
    assert evaluate.main(arguments(model, broken)) == 1
    assert "val2" in capsys.readouterr().err
    with pytest.warns(UserWarning, match="val2"):
        measured = result(capsys, *arguments(model, broken), "--skip-broken")
    assert measured["images"] == 5


def test_keras_and_tflite_go_the_same_way(
    model: Path, tflite: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = result(capsys, *arguments(model, data))["metrics"]
    other = result(capsys, *arguments(tflite, data))["metrics"]
    assert other["abs_rel"] == pytest.approx(one["abs_rel"], abs=0.01)
    assert other["abs_rel"] != one["abs_rel"]


def test_a_model_has_not_changed_against_itself(
    model: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    against = result(capsys, *arguments(model, data), "--against", str(model))["against"]
    assert set(against["change"]) == set(METRICS)
    assert all(change["relative"] == 0 for change in against["change"].values())


def test_the_table_names_the_change_and_that_nothing_was_aligned(
    model: Path, tflite: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate.main([*arguments(tflite, data), "--against", str(model)]) == 0
    text = capsys.readouterr().out
    assert "nothing aligned" in text
    assert "95 % interval" in text
    assert all(metric in text for metric in METRICS)


def test_writes_a_row_an_image_and_pictures_of_the_best_and_worst(
    model: Path, data: Path, tmp_path: Path
) -> None:
    options = ["--output", str(tmp_path / "report"), "--pictures", "2"]
    assert evaluate.main([*arguments(model, data), *options]) == 0
    with (tmp_path / "report/images.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    order = sorted(rows, key=lambda row: float(row["abs_rel"]))
    best = tmp_path / f"report/best1-{order[0]['image']}.png"
    worst = tmp_path / f"report/worst1-{order[-1]['image']}.png"
    for path in (best, worst):
        picture = cv2.imread(str(path))
        assert picture is not None
        assert picture.shape[1] == 1200
    assert len(list((tmp_path / "report").glob("*.png"))) == 5


def test_names_with_folders_and_commas_are_written(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    # The last one is not UTF-8.
    names = ["room/one", "two, too", "long" * 50, "caf\udce9"]
    for number, name in enumerate(names):
        for kind, ending in (("rgb", "jpg"), ("depth", "png")):
            path = other / kind / f"{name}.{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(data / kind / f"val{number % 3}.{ending}", path)
    listed = [names[0], *names[2:]]
    (other / "val.txt").write_bytes(os.fsencode("\n".join(listed)))
    model = Path(shutil.copy(model, tmp_path / f"caf\udce9{model.suffix}"))
    output = ["--json", "--output", str(tmp_path / "report")]
    assert evaluate.main([*arguments(model, other), *output]) == 0
    pictures = {path.name for path in (tmp_path / "report").glob("*.png")}
    assert {name for name in pictures if "room_one" in name}
    assert os.fsencode("caf\udce9") in (tmp_path / "report" / "images.csv").read_bytes()
    images = [scored(name, dict.fromkeys(METRICS, 1.0)) for name in names]
    table = images_csv([*images, scored("none", None)])
    rows = list(csv.DictReader(table.splitlines()))
    assert [row["image"] for row in rows] == names
    assert all(row["delta3"] == "1" for row in rows)


def scored(name: str, metrics: dict[str, float] | None) -> ImageScores:
    nothing = PixelSums(0, ())
    return ImageScores(name, 0, metrics, nothing, (), EdgeDistances((), ()), None)


def test_pixels_that_a_mark_hides_are_told(
    model: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marked = shutil.copytree(data, tmp_path / "marked")
    path = str(marked / "depth" / "val2.png")
    depth_mm = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    assert depth_mm is not None
    depth_mm[:5, :7] = 65535
    cv2.imwrite(path, depth_mm)
    assert result(capsys, *arguments(model, marked))["marked_pixels"] == 35
    assert result(capsys, *arguments(model, data))["marked_pixels"] == 0
    assert evaluate.main(arguments(model, marked)) == 0
    assert "35 pixels have a mark of no reading" in capsys.readouterr().out


@pytest.mark.parametrize("against", [False, True])
def test_draws_how_reliable_each_model_is_by_distance(
    model: Path, tflite: Path, data: Path, tmp_path: Path, against: bool
) -> None:
    options = ["--output", str(tmp_path), "--pictures", "0"]
    options += ["--against", str(model)] * against
    assert evaluate.main([*arguments(tflite, data), *options]) == 0
    picture = cv2.imread(str(tmp_path / "reliability.png"))
    assert picture is not None
    drawn = [color_is_there(picture, color) for color in COLORS]
    assert drawn == [True, against, False, False]


def color_is_there(bgr: npt.NDArray[Any], color: str) -> bool:
    red, green, blue = (int(color[k : k + 2], 16) for k in (1, 3, 5))
    return bool((bgr == (blue, green, red)).all(axis=-1).sum() > 50)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--dataset", "nowhere"], "nyuv2"),
        (["--split", "absent"], "absent.txt"),
        (["--against", "absent.keras"], "absent.keras"),
    ],
)
def test_wrong_arguments_are_one_clear_error(
    model: Path,
    data: Path,
    options: list[str],
    expected: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert evaluate.main([*arguments(model, data), *options]) == 1
    assert expected in capsys.readouterr().err


def test_zooms_show_that_depth_by_color_follows_no_focal_length(
    tflite: Path, model: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = result(capsys, *arguments(tflite, data), "--zooms", "0.7,1,1.4")["zooms"]
    assert [row["zoom"] for row in found["rows"]] == [0.7, 1.0, 1.4]
    assert found["obeys"] is False
    assert [row["response"] for row in found["rows"]] == [
        pytest.approx(0, abs=0.05),
        None,
        pytest.approx(0, abs=0.05),
    ]
    # 30 % too far as it is, and times 1.4 much more.
    assert found["rows"][2]["corrected_abs_rel"] == pytest.approx(1.3 * 1.4 - 1, abs=0.05)
    assert evaluate.main([*arguments(model, data), "--zooms", "1,2"]) == 0
    assert "does not follow the focal length" in capsys.readouterr().out


@pytest.mark.parametrize("zooms", ["1", "0.01,2", "2,2", "a"])
def test_zooms_that_say_nothing_are_refused(zooms: str, tflite: Path, data: Path) -> None:
    with pytest.raises(SystemExit):
        evaluate.main([*arguments(tflite, data), "--zooms", zooms])


def test_camera_corrects_depth_where_asked(
    model: Path, data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The network says 1.3 times the depth: 1 / 1.3 of the focal length makes it right."""
    output = tmp_path / "model.tflite"
    given = [str(model), "--float32", "--representative", str(data / "rgb"), "--max-depth", "10"]
    given += ["--input-range", "0,255", "--output", str(output)]
    height, width = SIZE
    assert convert.main([*given, "--intrinsics", f"130,130,9,9@{width}x{height}"]) == 0
    assert "field of view" in capsys.readouterr().out
    camera = ["--camera", f"100,100@{width}x{height}"]
    plain = result(capsys, *arguments(output, data), *camera)
    assert plain["metrics"]["abs_rel"] == pytest.approx(0.3, abs=0.03)
    corrected = result(capsys, *arguments(output, data), *camera, "--correct-focal")
    assert corrected["metrics"]["abs_rel"] < 0.1  # the noise of the pictures
    assert evaluate.main([*arguments(output, data), *camera]) == 0
    assert "not corrected for the camera's focal length" in capsys.readouterr().err
    assert evaluate.main([*arguments(model, data), *camera]) == 1
    assert "Expected a .tflite file for --camera" in capsys.readouterr().err
