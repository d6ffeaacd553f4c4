"""tools/infer: what it writes, and what it refuses."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.support import ramp, videos
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.point_cloud import POINT, ply
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.colorize import colorize, depth_limits, side_by_side
from tfl_depth.runtime.video import Video
from tfl_depth.tools import infer
from tfl_depth.tools.lib import finished, infer_inputs, outputs

Pixels = npt.NDArray[np.uint8]


@pytest.fixture
def photo_file(tmp_path: Path, photo: npt.NDArray[np.uint8]) -> Path:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), photo)
    return path


def test_writes_the_millimeters_and_a_picture_with_a_legend(
    net: Path, photo_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert infer.main([str(net), str(photo_file), "--output", str(tmp_path / "depth")]) == 0
    written = cv2.imread(str(tmp_path / "depth/photo_depth.png"), cv2.IMREAD_UNCHANGED)
    assert written is not None
    with DepthRunner(net) as runner:
        assert np.array_equal(written, runner.infer(photo_file))
    picture = cv2.imread(str(tmp_path / "depth/photo_color.png"))
    assert picture is not None
    assert picture.shape[0] > 150 and picture.shape[1] == 210
    assert str(photo_file) in capsys.readouterr().out


@pytest.mark.parametrize("model", [["--model", "NET"], ["--model=NET"]], ids=" ".join)
@pytest.mark.parametrize("last", [True, False])
def test_the_model_may_be_an_option(
    model: list[str], last: bool, net: Path, photo_file: Path, tmp_path: Path
) -> None:
    given = [each.replace("NET", str(net)) for each in model]
    rest = [str(photo_file), "--output", str(tmp_path / "depth")]
    assert infer.main([*rest, *given] if last else [*given, *rest]) == 0
    assert {path.name for path in (tmp_path / "depth").glob("*.png")} == {
        "photo_depth.png",
        "photo_color.png",
    }


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


def run(*arguments: object) -> int:
    return infer.main([str(argument) for argument in arguments])


def written(folder: Path) -> set[str]:
    """The names of the files, without the record of what is finished."""
    return {path.name for path in folder.iterdir()} - {finished.RECORD}


@pytest.fixture
def photos(tmp_path: Path, photo: Pixels) -> Path:
    """A folder of two photos, and a note."""
    folder = tmp_path / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), photo)
    cv2.imwrite(str(folder / "b.JPG"), photo[::-1])
    (folder / "note.txt").write_text("no photo")
    return folder


OF_BOTH = {"a_depth.png", "a_color.png", "b_depth.png", "b_color.png"}


@pytest.mark.parametrize("pattern", ["", "*.[pJ]*", "**/*.[pJ]*"])
def test_folder_and_pattern_give_their_photos(
    pattern: str, net: Path, photos: Path, tmp_path: Path
) -> None:
    assert run(net, photos / pattern, "--output", tmp_path / "depth") == 0
    assert written(tmp_path / "depth") == OF_BOTH


@pytest.mark.parametrize(
    ("name", "said"), [("empty", "no photo"), ("photos/*.gif", "There is no file")]
)
def test_folder_or_pattern_without_photos_is_refused(
    name: str,
    said: str,
    net: Path,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty").mkdir()
    assert run(net, photos, tmp_path / name, "--output", tmp_path / "depth") == 1
    assert said in capsys.readouterr().err


def test_pictures_do_not_go_where_photos_are_looked_for(
    net: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = written(photos)
    assert run(net, photos, "--output", photos) == 1
    assert "differ from the photos' folder" in capsys.readouterr().err
    assert written(photos) == before


def test_folder_is_gone_on_with(
    net: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    depth = tmp_path / "depth"
    assert run(net, photos / "a.png", "--output", depth) == 0
    first = {path: path.stat().st_mtime_ns for path in depth.glob("*.png")}
    capsys.readouterr()
    assert run(net, photos, "--output", depth) == 0
    said = capsys.readouterr().out
    assert "1 of 2 photos were finished before" in said
    assert "b.JPG" in said and "a.png" not in said
    assert written(depth) == OF_BOTH
    assert {path: path.stat().st_mtime_ns for path in first} == first


@pytest.mark.parametrize(
    "reason",
    [
        *("photo", "model", "one file lacks", "one file changed", "--overwrite", "other kind"),
        *("other range", "no record", "damaged record", "other photo of the same name"),
    ],
)
def test_what_is_not_finished_or_out_of_date_is_computed(
    reason: str,
    net: Path,
    models: Path,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model, depth = tmp_path / "model.tflite", tmp_path / "depth"
    model.write_bytes(net.read_bytes())
    assert run(model, photos / "a.png", "--output", depth) == 0
    more = {
        "--overwrite": ["--overwrite"],
        "other kind": ["--save", "depth,npy"],
        "other range": ["--range", "1,2"],
    }.get(reason, [])
    photo, dates = photos / "a.png", (photos / "a.png").stat()
    if reason == "photo":
        photo.write_bytes((photos / "b.JPG").read_bytes())
    elif reason == "model":
        model.write_bytes((models / "net-single.tflite").read_bytes())
    elif reason == "one file lacks":
        (depth / "a_color.png").unlink()
    elif reason == "one file changed":
        (depth / "a_color.png").write_bytes(b"something else")
    elif reason == "no record":
        (depth / finished.RECORD).unlink()
    elif reason == "damaged record":
        (depth / finished.RECORD).write_bytes(b'{"version": 1, "outputs": {"a": [1')
    elif reason == "other photo of the same name":
        photo = tmp_path / "right" / "a.png"
        photo.parent.mkdir()
        photo.write_bytes((photos / "b.JPG").read_bytes())
    # By their dates nothing is newer than what was written.
    for path in (photo, model):
        os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns))
    capsys.readouterr()
    assert run(model, photo, "--output", depth, *more) == 0
    assert "a.png: 210x150" in capsys.readouterr().out
    capsys.readouterr()
    assert run(model, photo, "--output", depth, *more) == 0
    assert ("1 of 1 photos were finished before" in capsys.readouterr().out) == (
        reason != "--overwrite"
    )


def test_photo_of_the_same_size_and_date_may_be_another_one(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = tmp_path / "a.bmp"
    for value in (50, 200):
        pixels = np.full((15, 21, 3), value, np.uint8)
        photo.write_bytes(cv2.imencode(".bmp", pixels)[1].tobytes())
        os.utime(photo, (1, 1))
        assert run(net, photo, "--output", tmp_path / "depth") == 0
        assert "a.bmp: 21x15" in capsys.readouterr().out


def test_same_photo_with_another_date_is_finished(
    net: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(net, photos, "--output", tmp_path / "depth") == 0
    (photos / "a.png").touch()
    capsys.readouterr()
    assert run(net, photos, "--output", tmp_path / "depth") == 0
    assert "2 of 2 photos were finished before" in capsys.readouterr().out


def test_what_was_done_before_an_error_is_noted(
    net: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "b.JPG").write_bytes(b"no image")
    assert run(net, photos, "--output", tmp_path / "depth") == 1
    capsys.readouterr()
    assert run(net, photos / "a.png", "--output", tmp_path / "depth") == 0
    assert "finished before" in capsys.readouterr().out


def test_bad_photo_stops_the_command(
    net: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "a.png").write_bytes(b"no image")
    assert run(net, photos, "--output", tmp_path / "depth") == 1
    assert "a.png" in capsys.readouterr().err
    assert written(tmp_path / "depth") == set()


def test_bad_photo_is_passed_over_where_that_is_wanted(
    net: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "a.png").write_bytes(b"no image")
    assert run(net, photos, "--output", tmp_path / "depth", "--skip-bad") == 1
    said = capsys.readouterr().err
    assert "a.png" in said and "Skipped 1 of 2 photos" in said
    assert written(tmp_path / "depth") == {"b_depth.png", "b_color.png"}


def test_full_disk_stops_it_whatever_is_wanted(
    net: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path, _content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(outputs, "write_whole", full)
    assert run(net, photos, "--output", tmp_path / "depth", "--skip-bad") == 1


def points_of(path: Path) -> npt.NDArray[np.void]:
    header, _, body = path.read_bytes().partition(b"end_header\n")
    lines = header.decode().splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    assert lines[3:] == [
        *(f"property float {name}" for name in "xyz"),
        *(f"property uchar {name}" for name in ("red", "green", "blue")),
    ]
    points = np.frombuffer(body, POINT)
    assert lines[2] == f"element vertex {points.size}"
    return points


def test_point_cloud_is_what_the_camera_sees(
    net: Path, photo_file: Path, photo: Pixels, tmp_path: Path
) -> None:
    arguments = (net, photo_file, "--output", tmp_path, "--save", "ply,npy")
    assert run(*arguments, "--camera", "200,100,104.5,74.5@210x150") == 0
    points, depth_mm = (
        points_of(tmp_path / "photo_points.ply"),
        np.load(tmp_path / "photo_depth.npy"),
    )
    assert depth_mm.all()
    np.testing.assert_allclose(points["z"], depth_mm.ravel() / 1000, rtol=1e-6)
    # Projected, each point is its pixel again.
    v, u = np.indices(depth_mm.shape).reshape(2, -1)
    np.testing.assert_allclose(200 * points["x"] / points["z"] + 104.5, u, atol=1e-3)
    np.testing.assert_allclose(100 * points["y"] / points["z"] + 74.5, v, atol=1e-3)
    colors = np.stack([points[name] for name in ("blue", "green", "red")], axis=-1)
    np.testing.assert_array_equal(colors, photo.reshape(-1, 3))


def test_each_cube_of_a_point_cloud_has_one_point(
    net: Path, photo_file: Path, tmp_path: Path
) -> None:
    arguments = (net, photo_file, "--save", "ply", "--fov", 60)
    assert run(*arguments, "--output", tmp_path / "all") == 0
    assert run(*arguments, "--output", tmp_path / "few", "--voxel", 0.2) == 0
    points, few = (points_of(tmp_path / each / "photo_points.ply") for each in ("all", "few"))
    cubes = {tuple(np.floor(each)) for each in xyz(points) / 0.2}
    assert len(few) == len(cubes) < len(points) / 4
    one = np.floor(xyz(points) / 0.2)
    inside = (one == np.floor(xyz(few[:1]) / 0.2)).all(axis=-1)
    np.testing.assert_allclose(xyz(few[:1])[0], xyz(points[inside]).mean(axis=0), atol=1e-5)
    assert few["red"][0] == pytest.approx(points["red"][inside].mean(), abs=0.5)


def xyz(points: npt.NDArray[np.void]) -> npt.NDArray[np.float64]:
    return np.stack([points[axis] for axis in "xyz"], axis=-1).astype(np.float64)


def test_field_of_view_is_the_angle_between_the_borders() -> None:
    camera = Intrinsics.from_field_of_view(60, (150, 210))
    assert (camera.cx, camera.cy) == (104.5, 74.5)
    assert camera.fx == camera.fy
    half = np.arctan((209.5 - camera.cx) / camera.fx)
    assert np.degrees(2 * half) == pytest.approx(60)


def test_pixels_without_depth_are_no_points() -> None:
    depth_mm = np.array([[0, 1000], [2000, 0]], np.uint16)
    cloud = ply(depth_mm, np.zeros((2, 2, 3), np.uint8), Intrinsics(1, 1, 0, 0))
    points = np.frombuffer(cloud.partition(b"end_header\n")[2], POINT)
    np.testing.assert_array_equal([points[axis] for axis in "xyz"], [[1, 0], [0, 2], [1, 2]])


def write_video(path: Path, photo: Pixels) -> None:
    videos.write(path, "MJPG", videos.moved(photo, 5), 10)


def frames_of(path: Path) -> list[Pixels]:
    with Video(path) as video:
        assert video.frames_per_second == pytest.approx(10)
        return list(video)


@pytest.fixture
def video(tmp_path: Path, photo: Pixels) -> Path:
    path = tmp_path / "drive.avi"
    write_video(path, photo)
    return path


def test_video_is_written_beside_its_depth(
    net: Path, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    depth = tmp_path / "depth"
    assert run(net, video, "--output", depth) == 0
    assert "5 frames, 0 dropped, latency" in capsys.readouterr().out
    assert written(depth) == {"drive_depth.mp4"}
    frames = frames_of(depth / "drive_depth.mp4")
    assert len(frames) == 5
    for frame, source in zip(frames, frames_of(video), strict=True):
        assert frame.shape[0] > 150 and frame.shape[1] == 420
        assert np.abs(frame[:150, :210].astype(int) - source).mean() < 20
    assert run(net, video, "--output", depth) == 0
    assert "finished before" in capsys.readouterr().out


def test_frames_of_a_video_are_written_by_their_numbers(
    net: Path, video: Path, tmp_path: Path
) -> None:
    depth = tmp_path / "depth"
    assert run(net, video, "--output", depth, "--save", "depth", "--frames", 3) == 0
    assert written(depth) == {f"drive_{k:06d}_depth.png" for k in range(3)}
    with DepthRunner(net) as runner:
        expected = runner.infer(frames_of(video)[2])
    found = cv2.imread(str(depth / "drive_000002_depth.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(found, expected)


def test_clip_with_every_second_frame_is_as_long_and_has_one_range(
    net: Path, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ("--every", 2, "--range", "auto", "--colormap", "turbo", "--save", "npy,color")
    assert run(net, video, *arguments) == 0
    found = sorted(path.name for path in Path("depth").glob("*.npy"))
    assert found == [f"drive_{k:06d}_depth.npy" for k in (0, 2, 4)]
    first, last = (np.load(Path("depth") / name) for name in (found[0], found[-1]))
    expected = colorize(last, *depth_limits(first), colormap="turbo")
    written = cv2.imread(str(Path("depth") / "drive_000004_color.png"))
    np.testing.assert_array_equal(np.asarray(written), expected)
    assert run(net, video, "--every", 2) == 0
    with Video(Path("depth") / "drive_depth.mp4") as shown:
        assert len(list(shown)) == 3 and shown.frames_per_second == pytest.approx(5)


class Camera:
    """Gives one frame over and over, and stands for cv2.VideoCapture."""

    photo: Pixels

    def __init__(self, _number: int) -> None:
        self.open = True

    def isOpened(self) -> bool:  # noqa: N802
        return self.open

    def get(self, _which: int) -> float:
        return -1.0

    def read(self) -> tuple[bool, Pixels]:
        return True, self.photo

    def release(self) -> None:
        self.open = False


@pytest.fixture
def camera(photo: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Camera, "photo", photo, raising=False)
    real = cv2.VideoCapture

    def opened(source: int | str) -> Any:
        return Camera(source) if isinstance(source, int) else real(source)

    monkeypatch.setattr(cv2, "VideoCapture", opened)


@pytest.mark.usefixtures("camera")
def test_camera_runs_for_as_many_frames_as_wanted(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(net, "camera:3", "--output", tmp_path, "--frames", 4, "--save", "npy") == 0
    assert len(list(tmp_path.glob("camera3_*_depth.npy"))) == 4
    assert "camera 3: 4 frames" in capsys.readouterr().out


def interrupted_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the frame of this number is written."""
    calls = iter(range(count))
    original = side_by_side

    def interrupted(*arguments: Any) -> Any:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(infer_inputs, "side_by_side", interrupted)


@pytest.mark.usefixtures("camera")
def test_ctrl_c_ends_a_camera_and_its_video_is_whole(
    net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted_after(3, monkeypatch)
    assert run(net, "camera:0", "--output", tmp_path) == 0
    monkeypatch.undo()
    with Video(tmp_path / "camera0_depth.mp4") as video:
        assert len(list(video)) == 3


def test_ctrl_c_in_a_video_leaves_none(
    net: Path, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted_after(3, monkeypatch)
    assert run(net, video, "--output", tmp_path / "depth") == 130
    assert written(tmp_path / "depth") == set()


WRONG = {
    "point cloud without a camera": (["--save", "ply"], 1, "--camera or --fov"),
    "video of photos": (["--save", "video"], 1, "Photos have no video"),
    "kind": (["--save", "depth,jpg"], 2, "got 'jpg'"),
    "camera of no size": (["--camera", "525,525,319.5,239.5"], 2, "expected numbers like 525"),
    "camera of 3 numbers": (["--camera", "1,2,3@4x5"], 2, "expected 2 or 4 numbers"),
    "camera without focal length": (["--camera", "0,1,2,3@4x5"], 2, "focal lengths above 0"),
    "camera file": (["--camera", "no.yaml"], 1, "Cannot read the camera in no.yaml"),
    "angle": (["--fov", "180"], 2, "between 0 and 180"),
    "range": (["--range", "3,2"], 2, "meters like 0.5,10, or auto"),
    "colors": (["--colormap", "jet"], 2, "invalid choice: 'jet'"),
    "frames": (["--frames", "0"], 2, "whole number above 0"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_options_are_refused_before_anything_is_written(
    name: str, net: Path, photo_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options, status, said = WRONG[name]
    try:
        found = run(net, photo_file, "--output", tmp_path / "new", *options)
    except SystemExit as stop:
        found = int(str(stop.code))
    assert found == status
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_range_of_colors_is_the_legends(net: Path, photo_file: Path, tmp_path: Path) -> None:
    """Nothing is so near or so far: all depth has one color, the last or the first."""
    colors = []
    for limits in ("0,0.001", "100,200"):
        assert run(net, photo_file, "--output", tmp_path, "--range", limits, "--overwrite") == 0
        picture = cv2.imread(str(tmp_path / "photo_color.png"))
        assert picture is not None
        (color,) = np.unique(picture[:150].reshape(-1, 3), axis=0)
        colors.append(color.sum())
    assert colors[0] < colors[1]


def test_no_input_is_a_usage_error(net: Path) -> None:
    with pytest.raises(SystemExit) as stop:
        infer.main([str(net)])
    assert stop.value.code == 2


# A delegate


def test_a_delegate_runs_the_photos(
    net: Path, photo_file: Path, library: str, tmp_path: Path
) -> None:
    on_npu = ("--delegate", library, "--option", "take=CONV_2D,MAX_POOL_2D", "--strict")
    assert run(net, photo_file, "--output", tmp_path / "npu", *on_npu) == 0
    shifted = (*on_npu, "--option", "shift=10")
    assert run(net, photo_file, "--output", tmp_path / "shifted", *shifted) == 0
    files = [tmp_path / each / f"{photo_file.stem}_depth.png" for each in ("npu", "shifted")]
    npu, shift = (np.asarray(cv2.imread(str(file), cv2.IMREAD_UNCHANGED), int) for file in files)
    assert np.median(np.abs(shift - npu)) > 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--delegate", "hexagon"], "one of ethosu"),
        (["--option", "device=usb"], "no `delegate_options`"),
        (["--strict", "--delegate", "LIBRARY", "--option", "take=MAX_POOL_2D"], "operators"),
    ],
)
def test_a_delegate_that_is_not_to_be_had_is_an_error(
    arguments: list[str],
    message: str,
    net: Path,
    photo_file: Path,
    library: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [library if each == "LIBRARY" else each for each in arguments]
    assert run(net, photo_file, "--output", tmp_path / "depth", *given) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "depth").exists()


# For scripts


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return dict(json.loads(capsys.readouterr().out))


def test_json_says_what_became_of_each_photo(
    net: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    depth = tmp_path / "depth"
    (photos / "c.png").write_bytes(b"no image")
    assert run(net, photos / "a.png", "--output", depth) == 0
    capsys.readouterr()
    assert run(net, photos, "--output", depth, "--skip-bad", "--json") == 1
    document = told(capsys)
    assert (document["model"], document["placement"]["delegate"]) == (str(net), None)
    old, new, bad = document["inputs"]
    assert old == {
        "input": str(photos / "a.png"),
        "state": "finished before",
        "files": [str(depth / "a_depth.png"), str(depth / "a_color.png")],
    }
    assert (bad["input"], bad["state"]) == (str(photos / "c.png"), "failed")
    assert "c.png" in bad["error"]
    with DepthRunner(net) as runner:
        depth_mm = runner.infer(photos / "b.JPG")
    assert new == {
        "input": str(photos / "b.JPG"),
        "state": "written",
        "files": [str(depth / "b_depth.png"), str(depth / "b_color.png")],
        "width": 210,
        "height": 150,
        "near_mm": depth_mm.min(),
        "median_mm": np.median(depth_mm),
        "far_mm": depth_mm.max(),
        "share_without_depth": 0,
    }


def test_json_says_what_became_of_a_video(
    net: Path, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for state in ("written", "finished before"):
        assert run(net, video, "--output", tmp_path / "depth", "--json") == 0
        (found,) = told(capsys)["inputs"]
        assert (found["state"], found["files"]) == (
            state,
            [str(tmp_path / "depth/drive_depth.mp4")],
        )
        if state == "written":
            assert (found["frames"], found["dropped"]) == (5, 0)
            assert 0 < found["latency_ms"]["median"] <= found["latency_ms"]["p95"]


def test_nothing_has_depth_is_said() -> None:
    nothing = np.zeros((2, 3), np.uint16)
    assert outputs.describe(nothing) == "3x2, no depth"
    assert outputs.summary(nothing)["near_mm"] is None
    assert outputs.summary(nothing)["share_without_depth"] == 1


# Faults of delegates

CRASHING = ("--option", "take=CONV_2D,MAX_POOL_2D", "--option", "fault=crash", "--option", "at=1")


def test_crash_of_a_delegate_is_one_sentence(
    net: Path, library: str, photo_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    crashing = ("--delegate", library, *CRASHING, "--isolate")
    assert run(net, photo_file, "--output", tmp_path / "depth", *crashing) == 1
    error = capfd.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and "SIGSEGV" in error
    assert written(tmp_path / "depth") == set()


@pytest.mark.filterwarnings("default::tfl_depth.errors.FallbackWarning")
def test_cpu_goes_on_where_a_delegate_crashes(
    net: Path, library: str, photo_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    crashing = (
        "--delegate",
        library,
        *CRASHING,
        "--isolate",
        "--on-fault",
        "cpu",
        "--threads",
        "1",
    )
    assert run(net, photo_file, "--output", tmp_path, *crashing, "--json") == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["placement"]["delegate"] is None
    warning = err.splitlines()[-1]
    assert warning.startswith("warning: ") and "SIGSEGV" in warning and "CPU" in warning
    depth_mm = cv2.imread(str(tmp_path / "photo_depth.png"), cv2.IMREAD_UNCHANGED)
    with DepthRunner(net) as runner:
        np.testing.assert_array_equal(depth_mm, runner.infer(photo_file))
