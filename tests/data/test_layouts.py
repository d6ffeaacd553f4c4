"""Every layout on tiny files written as it says: depths, what is missing, crops and cameras."""

from __future__ import annotations

import importlib.util
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import OpenEXR
import pytest

from tests.support.real_data import real_data
from tfl_depth.data import DATASETS, DatasetName, Intrinsics, Sample, load_split, nyu
from tfl_depth.data.pairs import read_rows
from tfl_depth.data.tum import associate
from tfl_depth.errors import DatasetError

Array = npt.NDArray[Any]
SIZE = (48, 64)
MM = np.uint16


def photo(path: Path, size: tuple[int, int] = SIZE) -> None:
    """One whose left half is red."""
    rgb = np.zeros((*size, 3), np.uint8)
    rgb[:, : size[1] // 2, 0] = 200
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rgb[..., ::-1])


def image(path: Path, values: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), values)


def stored(dtype: Any, corner: Any = 0, first: float = 1000, size: tuple[int, int] = SIZE) -> Array:
    """Values that rise by one a column; the upper left corner is missing."""
    values = np.broadcast_to(first + np.arange(size[1]), size).astype(dtype)
    values[:4, :4] = corner
    return values


def assert_depth(sample: Sample, expected_m: Array) -> None:
    """Exactly these meters, and nothing in the upper left corner."""
    expected = expected_m.astype(np.float32)
    expected[:4, :4] = 0
    np.testing.assert_array_equal(sample.depth_m, expected)
    assert not sample.valid[:4, :4].any()
    assert sample.depth_m.dtype == np.float32
    np.testing.assert_allclose(sample.rgb[5, 10], (200, 0, 0), atol=6)


def names(samples: list[Sample]) -> list[str]:
    return [sample.name for sample in samples]


# NYU Depth V2: its crop wants the images' own size.

FULL = (480, 640)


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_nyu_extracted_from_its_mat(tmp_path: Path, ending: str) -> None:
    for number in ("00003", "00001"):
        photo(tmp_path / "test" / "kitchen" / f"rgb_{number}.{ending}", FULL)
        image(tmp_path / "test" / "kitchen" / f"sync_depth_{number}.png", stored(MM, size=FULL))
    samples = load_split("nyuv2", tmp_path, "test")
    assert names(samples) == ["kitchen_00001", "kitchen_00003"]
    assert_depth(samples[0], stored(float, size=FULL) / 1000)
    assert samples[0].valid[45, 41] and not samples[0].valid[44, 41]
    assert samples[0].intrinsics == Intrinsics(518.86, 519.47, 325.58, 253.74)


def test_nyu_extracted_without_scenes(tmp_path: Path) -> None:
    photo(tmp_path / "train" / "rgb_00007.png", FULL)
    image(tmp_path / "train" / "sync_depth_00007.png", stored(MM, 65535, size=FULL))
    samples = load_split("nyuv2", tmp_path, "train", for_training=True)
    assert names(samples) == ["00007"]
    assert_depth(samples[0], stored(float, size=FULL) / 1000)
    assert samples[0].valid[9, 9] and not samples[0].valid[8, 9]


def write_nyu_table(data: Path) -> None:
    photo(data / "nyu2_train" / "den_0001" / "1.jpg", FULL)
    eight_bits = np.broadcast_to(np.arange(640) % 256, FULL).astype(np.uint8).copy()
    eight_bits[:4, :4] = 0
    image(data / "nyu2_train" / "den_0001" / "1.png", eight_bits)
    row = "data/nyu2_train/den_0001/1.jpg,data/nyu2_train/den_0001/1.png\r\n"
    (data / "nyu2_train.csv").write_text(row, encoding="utf-8")
    photo(data / "nyu2_test" / "00000_colors.png", FULL)
    image(data / "nyu2_test" / "00000_depth.png", stored(MM, size=FULL))
    row = "data/nyu2_test/00000_colors.png,data/nyu2_test/00000_depth.png\n"
    (data / "nyu2_test.csv").write_text(row, encoding="utf-8")


@pytest.mark.parametrize("data", ["data", "renamed"])
def test_nyu_by_table(tmp_path: Path, data: str) -> None:
    write_nyu_table(tmp_path / data)
    folder = tmp_path if data == "data" else tmp_path / data
    trained = load_split("nyuv2", folder, "train", for_training=True)
    assert names(trained) == ["nyu2_train_den_0001_1"]
    # 8 bits: 255 is 10 m, which is the sensor's clamp and not a reading.
    assert_depth(trained[0], np.broadcast_to(np.arange(640) % 256 / 25.5, FULL).copy())
    assert trained[0].valid[100, 254] and not trained[0].valid[100, 255]
    tested = load_split("nyuv2", folder, "test")
    assert_depth(tested[0], stored(float, size=FULL) / 1000)


def test_a_table_of_other_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nyu2_test.csv").write_text("a.png\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="photo,depth in row 1"):
        load_split("nyuv2", tmp_path, "test")


def test_tables_take_names_as_they_are(tmp_path: Path) -> None:
    """With a byte order mark, and names that are not UTF-8, which were a traceback."""
    row = "data/caf\udce9.png,data/1.png"
    (tmp_path / "nyu2_test.csv").write_bytes(b"\xef\xbb\xbf" + os.fsencode(row))
    (pair,) = nyu._find_listed(tmp_path, "test") or []
    assert pair.rgb == tmp_path / "caf\udce9.png"
    assert read_rows(tmp_path / "nyu2_test.csv") == [[row]]
    (tmp_path / "nyu2_test.csv").write_bytes(b"\0")
    for read in (read_rows, lambda _: nyu._find_listed(tmp_path, "test")):
        with pytest.raises(DatasetError, match="Cannot read the list"):
            read(tmp_path / "nyu2_test.csv")


# 7-Scenes


def write_sequence(scene: Path, sequence: str, frames: int) -> None:
    for number in range(frames):
        photo(scene / sequence / f"frame-{number:06}.color.png")
        image(scene / sequence / f"frame-{number:06}.depth.png", stored(MM, 65535))
        (scene / sequence / f"frame-{number:06}.pose.txt").write_text("1 0 0 0", encoding="utf-8")


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train", ["seq-02_frame-000000", "seq-02_frame-000001", "seq-11_frame-000000"]),
        ("test", ["seq-01_frame-000000"]),
        ("seq-11", ["seq-11_frame-000000"]),
        ("all", 4),
    ],
)
def test_seven_scenes_as_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, split: str, expected: Any
) -> None:
    # Left where they are: tests/data/test_registration.py moves them.
    unmoved = replace(DATASETS["7scenes"], registration=None)
    monkeypatch.setitem(DATASETS, "7scenes", unmoved)
    for sequence, frames in (("seq-01", 1), ("seq-02", 2), ("seq-11", 1)):
        write_sequence(tmp_path, sequence, frames)
    (tmp_path / "TrainSplit.txt").write_text("sequence2\r\nsequence11\r\n", encoding="utf-8")
    (tmp_path / "TestSplit.txt").write_text("sequence1 \r\n", encoding="utf-8")
    samples = load_split("7scenes", tmp_path, split)
    assert expected in (names(samples), len(samples))
    assert_depth(samples[0], stored(float) / 1000)
    assert unmoved.intrinsics is not None
    assert samples[0].intrinsics == unmoved.intrinsics.at_size((480, 640), SIZE)


def test_a_sequence_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "TrainSplit.txt").write_text("sequence2\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="seq-02 is missing or empty"):
        load_split("7scenes", tmp_path, "train")


# TUM RGB-D


def test_times_are_paired_nearest_first_and_once() -> None:
    # Both photos are near 1.005; the second is nearer. 1.03 is 0.02 apart, which is too far.
    assert associate([1.0, 1.004, 1.05], [1.005, 1.03]) == [(1, 0)]
    assert associate([1.0, 2.0, 3.0], [3.001, 0.99, 2.5]) == [(0, 1), (2, 0)]


def write_tum(folder: Path) -> None:
    lines = {"rgb": ["# color images", "# file: rgbd_dataset_freiburg2_desk"], "depth": ["# depth"]}
    for time in ("10.00", "10.10", "10.20"):
        photo(folder / "rgb" / f"{time}.png")
        lines["rgb"].append(f"{time} rgb/{time}.png")
    for time in ("10.01", "10.15", "10.19"):
        image(folder / "depth" / f"{time}.png", stored(MM))
        lines["depth"].append(f"{time} depth/{time}.png")
    for kind, rows in lines.items():
        (folder / f"{kind}.txt").write_text("\n".join(rows), encoding="utf-8")


@pytest.mark.parametrize("split", ["all", "desk"])
def test_tum_pairs_by_time(tmp_path: Path, split: str) -> None:
    write_tum(tmp_path if split == "all" else tmp_path / split)
    samples = load_split("tum", tmp_path, split)
    assert names(samples) == ["10.00", "10.20"]
    assert_depth(samples[0], stored(float) / 5000)
    camera = Intrinsics(520.9, 521.0, 325.1, 249.7)
    assert samples[0].intrinsics == camera.at_size((480, 640), SIZE)


def test_tum_on_real_frames() -> None:
    samples = load_split("tum", real_data("tum_fr1_rpy"), "all")
    assert len(samples) == 10
    assert len(set(names(samples))) == 10
    for sample in samples:
        assert sample.rgb.shape == (480, 640, 3)
        assert sample.intrinsics == Intrinsics(517.3, 516.5, 318.6, 255.3)
        assert 0.3 < sample.valid.mean() < 1
        assert 0.3 < np.median(sample.depth_m[sample.valid]) < 5
        assert not sample.valid[sample.depth_m == 0].any()


# KITTI

DRIVE = "2011_09_26_drive_0002_sync"
KITTI_SIZE = (375, 1242)
CALIBRATION = """calib_time: 09-Jan-2012 13:57:47
P_rect_02: 721.5 0 609.6 44.9 0 721.6 172.9 0.2 0 0 1 0.003
P_rect_03: 700.5 0 600.6 44.9 0 700.6 170.9 0.2 0 0 1 0.003
"""


def write_kitti(folder: Path, ending: str = "png") -> None:
    day = folder / "2011_09_26"
    photo(day / DRIVE / "image_02" / "data" / f"0000000069.{ending}", KITTI_SIZE)
    groundtruth = folder / "val" / DRIVE / "proj_depth" / "groundtruth" / "image_02"
    image(groundtruth / "0000000069.png", stored(MM, size=KITTI_SIZE))
    (day / "calib_cam_to_cam.txt").write_text(CALIBRATION, encoding="utf-8")


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_kitti_as_published(tmp_path: Path, ending: str) -> None:
    write_kitti(tmp_path, ending)
    samples = load_split("kitti", tmp_path, "val")
    assert names(samples) == [f"{DRIVE}_image_02_0000000069"]
    assert_depth(samples[0], stored(float, size=KITTI_SIZE) / 256)
    assert samples[0].intrinsics == Intrinsics(721.5, 721.6, 609.6, 172.9)


@pytest.mark.parametrize(
    ("dataset", "rows_columns"),
    [("kitti", (153, 371, 44, 1197)), ("kitti-eigen-crop", (124, 342, 44, 1197))],
)
def test_kitti_crops(tmp_path: Path, dataset: DatasetName, rows_columns: tuple[int, ...]) -> None:
    write_kitti(tmp_path)
    valid = load_split(dataset, tmp_path, "val")[0].valid
    top, bottom, left, right = rows_columns
    expected = np.zeros(KITTI_SIZE, bool)
    expected[top:bottom, left:right] = True
    np.testing.assert_array_equal(valid, expected)
    trained = load_split(dataset, tmp_path, "val", for_training=True)[0].valid
    assert trained.sum() == trained.size - 16


def test_kitti_by_list(tmp_path: Path) -> None:
    write_kitti(tmp_path)
    rgb = f"2011_09_26/{DRIVE}/image_02/data/0000000069.png"
    depth = f"{DRIVE}/proj_depth/groundtruth/image_02/0000000069.png"
    lines = f"{rgb} {depth} 721.5377\n{rgb} None 721.5377\n"
    (tmp_path / "eigen_test.txt").write_text(lines, encoding="utf-8")
    samples = load_split("kitti", tmp_path, "eigen_test")
    assert names(samples) == [f"{DRIVE}_image_02_data_0000000069"]
    assert_depth(samples[0], stored(float, size=KITTI_SIZE) / 256)
    assert samples[0].intrinsics == Intrinsics(721.5, 721.6, 609.6, 172.9)


def test_kitti_selected_validation_set(tmp_path: Path) -> None:
    root = tmp_path / "val_selection_cropped"
    photo(root / "image" / f"{DRIVE}_image_0000000008_image_02.png", (352, 1216))
    depth = root / "groundtruth_depth" / f"{DRIVE}_groundtruth_depth_0000000008_image_02.png"
    image(depth, stored(MM, size=(352, 1216)))
    (root / "intrinsics").mkdir()
    matrix = "721.5 0.0 596.6 0.0 721.6 149.9 0.0 0.0 1.0"
    camera = root / "intrinsics" / f"{DRIVE}_image_0000000008_image_02.txt"
    camera.write_text(matrix, encoding="utf-8")
    for folder, split in ((tmp_path, "val_selection_cropped"), (root, "all")):
        samples = load_split("kitti", folder, split)
        assert len(samples) == 1
        assert_depth(samples[0], stored(float, size=(352, 1216)) / 256)
        assert samples[0].intrinsics == Intrinsics(721.5, 721.6, 596.6, 149.9)


# DIODE


@pytest.mark.parametrize("split", ["val", "val/indoors", "all"])
def test_diode_counts_what_its_mask_says(tmp_path: Path, split: str) -> None:
    scan = tmp_path / "val" / "indoors" / "scene_00019" / "scan_00183"
    stem = "00019_00183_indoors_000_010"
    photo(scan / f"{stem}.png")
    depth_m = stored(np.float32, 1.0, first=0.5)
    np.save(scan / f"{stem}_depth.npy", depth_m[..., None])
    mask = np.ones(SIZE, np.float32)
    mask[:4, :4] = 0
    np.save(scan / f"{stem}_depth_mask.npy", mask)
    samples = load_split("diode", tmp_path, split)
    assert names(samples) == [stem]
    assert_depth(samples[0], depth_m)
    # 0.5 m is nearer than its scanner measures.
    assert not samples[0].valid[:, 0].any() and samples[0].valid[10, 1]


def test_diode_without_a_mask_is_broken(tmp_path: Path) -> None:
    photo(tmp_path / "val" / "a.png")
    np.save(tmp_path / "val" / "a_depth.npy", np.ones((*SIZE, 1), np.float32))
    with pytest.raises(DatasetError, match=r"a: its a_depth_mask\.npy is missing"):
        load_split("diode", tmp_path, "val")


# Any pairs


def write_pair(folder: Path, name: str, ending: str) -> Array:
    """Write a pair and return its meters."""
    photo(folder / "rgb" / f"{name}.jpg")
    path = folder / "depth" / f"{name}{ending}"
    path.parent.mkdir(exist_ok=True)
    meters = stored(np.float32, math.nan, first=0.25)
    match ending:
        case ".npy":
            np.save(path, meters)
        case ".npz":
            np.savez(path, other=np.zeros(2), depth=meters)
        case ".png":
            image(path, stored(MM))
        case _:
            image(path, meters)
    return meters


@pytest.mark.parametrize("ending", [".npy", ".npz", ".tiff", ".tif"])
def test_pairs_with_depth_in_meters(tmp_path: Path, ending: str) -> None:
    meters = write_pair(tmp_path, "a", ending)
    assert_depth(load_split("pairs", tmp_path, "all")[0], meters)


@pytest.mark.parametrize(("dataset", "per_meter"), [("pairs", 1000), ("pairs-256", 256)])
def test_pairs_with_depth_as_png(tmp_path: Path, dataset: DatasetName, per_meter: int) -> None:
    write_pair(tmp_path / "val", "a", ".png")
    sample = load_split(dataset, tmp_path, "val")[0]
    assert_depth(sample, stored(float) / per_meter)
    assert sample.intrinsics is None


def test_pairs_of_a_list(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_pair(tmp_path, name, ".npy")
    (tmp_path / "some.txt").write_text("c\na\n", encoding="utf-8")
    assert names(load_split("pairs", tmp_path, "some")) == ["c", "a"]
    assert names(load_split("pairs", tmp_path, "all")) == ["a", "b", "c"]


def test_two_depths_of_a_photo_are_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, "a", ".npy")
    write_pair(tmp_path, "a", ".png")
    with pytest.raises(DatasetError, match="Two files have one name"):
        load_split("pairs", tmp_path, "all")


EXR_DEPTH_M = np.array([[1.5, 2.25, np.inf], [0.0, 3.0, 14.5]], np.float32)


def write_exr(folder: Path, channels: dict[str, Any]) -> None:
    photo(folder / "rgb" / "a.jpg", size=EXR_DEPTH_M.shape)
    (folder / "depth").mkdir()
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, channels).write(str(folder / "depth" / "a.exr"))


@pytest.mark.parametrize(
    "channels",
    [
        {"Z": EXR_DEPTH_M},
        {"anything": EXR_DEPTH_M},
        {"Depth.V": EXR_DEPTH_M, "Image.R": EXR_DEPTH_M / 2},
        {"RGB": np.stack([EXR_DEPTH_M] * 3, axis=-1)},
        {"Z": EXR_DEPTH_M.astype(np.float16)},
    ],
    ids=["Z", "the only one", "of Blender", "gray as RGB", "half"],
)
def test_exr_of_meters_is_read(tmp_path: Path, channels: dict[str, Any]) -> None:
    write_exr(tmp_path, channels)
    (sample,) = load_split("pairs", tmp_path, "all")
    expected_m = np.where(np.isfinite(EXR_DEPTH_M), EXR_DEPTH_M, 0)
    np.testing.assert_array_equal(sample.depth_m, expected_m)


def test_exr_in_color_is_refused(tmp_path: Path) -> None:
    write_exr(tmp_path, {"RGB": np.stack([EXR_DEPTH_M, EXR_DEPTH_M, EXR_DEPTH_M / 2], axis=-1)})
    with pytest.raises(DatasetError, match=r"one channel, .* got B, G, R"):
        load_split("pairs", tmp_path, "all")


def test_damaged_exr_is_refused(tmp_path: Path) -> None:
    write_exr(tmp_path, {"Z": EXR_DEPTH_M})
    file = tmp_path / "depth" / "a.exr"
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(DatasetError, match="unreadable"):
        load_split("pairs", tmp_path, "all")


def test_exr_without_its_reader_is_refused_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_exr(tmp_path, {"Z": EXR_DEPTH_M})
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(DatasetError, match="OpenEXR is not installed"):
        load_split("pairs", tmp_path, "all", skip_broken=True)


@pytest.mark.parametrize("dataset", DATASETS)
def test_an_empty_folder_is_told_what_to_hold(tmp_path: Path, dataset: DatasetName) -> None:
    with pytest.raises(DatasetError) as raised:
        load_split(dataset, tmp_path, "val")
    for layout in DATASETS[dataset].layouts:
        assert layout.expects.replace("SPLIT", "val") in str(raised.value)
