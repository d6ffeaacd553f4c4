"""Depth data that used to be taken wrongly without a word: marks, turned photos, sizes, links."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.support.synthetic_data import slope
from tfl_depth.data import DATASETS, load_split
from tfl_depth.data.crops import NYU_BORDER, NYU_EIGEN
from tfl_depth.data.depth_files import read_meters, read_png
from tfl_depth.data.turns import Turn
from tfl_depth.errors import DatasetError
from tfl_depth.intrinsics import Intrinsics

Array = npt.NDArray[Any]
SIZE = (48, 64)


def corners(size: tuple[int, int]) -> Array:
    """RGB pixels with another color in each corner, and smooth between these."""
    colors = [[(200, 0, 0), (0, 200, 0)], [(0, 0, 200), (200, 200, 0)]]
    small = np.array(colors, np.uint8)
    return np.asarray(cv2.resize(small, size[::-1], interpolation=cv2.INTER_LINEAR))


def photo(size: tuple[int, int] = SIZE, seed: int = 0) -> Array:
    """RGB pixels that no turn leaves as they are, smooth enough for JPEG."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC))


def write_pair(folder: Path, rgb: bytes, depth: Array) -> Path:
    for name in ("rgb", "depth"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "rgb" / "one.jpg").write_bytes(rgb)
    cv2.imwrite(str(folder / "depth" / "one.png"), depth)
    return folder


def jpeg(rgb: Array, orientation: int | None = None) -> bytes:
    image, packed = Image.fromarray(rgb), io.BytesIO()
    if orientation is not None:
        image.getexif()[0x0112] = orientation
    image.save(packed, "JPEG", quality=98, exif=image.getexif())
    return packed.getvalue()


# Marks


def test_marked_pixels_of_ones_own_data_count_as_no_reading_and_are_told(tmp_path: Path) -> None:
    depth_mm = slope(SIZE, 900)
    depth_mm[:10, :20] = 65535
    depth_mm[20] = 65534
    depth_mm[30] = 0
    folder = write_pair(tmp_path, jpeg(photo()), depth_mm)
    (sample,) = load_split("pairs", folder, "all")
    assert not sample.valid[:10, :20].any() and not sample.depth_m[:10, :20].any()
    assert sample.depth_m[20, 0] == np.float32(65.534)
    assert not sample.valid[30].any()
    assert sample.marked == 200


@pytest.mark.parametrize("per_meter", [1000, 256, 5000])
def test_the_largest_value_of_16_bits_is_no_reading_in_any_unit(
    per_meter: float, tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "depth.png"), np.array([[0, 100, 65534, 65535]], np.uint16))
    depth_m, marked = read_png(tmp_path / "depth.png", per_meter=per_meter)
    np.testing.assert_allclose(depth_m, [[0, 100 / per_meter, 65534 / per_meter, 0]], rtol=1e-6)
    assert marked == 1


def test_the_largest_value_of_8_bits_is_the_end_of_the_range(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "depth.png"), np.array([[0, 255]], np.uint8))
    depth_m, marked = read_png(tmp_path / "depth.png", per_meter=25.5, bits=8)
    assert (depth_m.tolist(), marked) == ([[0, 10]], 0)


def test_what_is_no_number_of_meters_is_a_mark(tmp_path: Path) -> None:
    np.save(tmp_path / "depth.npy", np.array([[np.nan, np.inf, -1, 0, 2.5]], np.float32))
    depth_m, marked = read_meters(tmp_path / "depth.npy")
    assert (depth_m.tolist(), marked) == ([[0, 0, 0, 0, 2.5]], 3)


# Turned photos


STORED: dict[int, Any] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright, 2).swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("orientation", STORED)
def test_depth_is_turned_with_its_photo(orientation: int, tmp_path: Path) -> None:
    rgb, depth_mm = corners(SIZE), slope(SIZE, 2000)
    depth_mm = depth_mm + np.arange(SIZE[0], dtype=np.uint16)[:, None]
    stored_rgb, stored_mm = (np.ascontiguousarray(STORED[orientation](v)) for v in (rgb, depth_mm))
    folder = write_pair(tmp_path, jpeg(stored_rgb, orientation), stored_mm)
    (sample,) = load_split("pairs", folder, "all")
    np.testing.assert_allclose(sample.rgb, rgb, atol=16)
    np.testing.assert_allclose(sample.depth_m, depth_mm / 1000, rtol=1e-6)


@pytest.mark.parametrize("orientation", [6, 8])
def test_depth_that_is_upright_already_stays(orientation: int, tmp_path: Path) -> None:
    depth_mm = slope(SIZE, 2000)
    stored = np.ascontiguousarray(STORED[orientation](corners(SIZE)))
    folder = write_pair(tmp_path, jpeg(stored, orientation), depth_mm)
    (sample,) = load_split("pairs", folder, "all")
    np.testing.assert_allclose(sample.depth_m, depth_mm / 1000, rtol=1e-6)


def test_a_turned_camera_sees_the_same_point() -> None:
    stored = Intrinsics(50, 60, 20, 11)
    for number in range(8):
        turn = Turn(SIZE, bool(number & 4), bool(number & 2), bool(number & 1))
        columns = turn(np.broadcast_to(np.arange(SIZE[1]) - stored.cx, SIZE) / stored.fx)
        rows = turn(np.broadcast_to((np.arange(SIZE[0]) - stored.cy)[:, None], SIZE) / stored.fy)
        camera = turn.camera(stored)
        height, width = columns.shape
        across = (np.arange(width) - camera.cx) / camera.fx
        down = (np.arange(height) - camera.cy) / camera.fy
        # Directions of rays, but for the signs and the exchange that the turn is.
        first, second = (rows, columns) if turn.transposed else (columns, rows)
        np.testing.assert_allclose(np.abs(first), np.abs(np.broadcast_to(across, first.shape)))
        np.testing.assert_allclose(np.abs(second), np.abs(down)[:, None] + 0 * second)


# Other sizes


def test_the_crops_of_nyu_are_the_same_part_of_the_picture_at_any_size() -> None:
    assert bounds(NYU_EIGEN.mask(480, 640)) == (45, 471, 41, 601)
    assert bounds(NYU_EIGEN.mask(960, 1280)) == (90, 942, 82, 1202)
    assert bounds(NYU_BORDER.mask(240, 320)) == (4, 235, 4, 315)


def bounds(valid: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(valid.any(axis=1)), np.flatnonzero(valid.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def test_the_camera_is_that_of_the_photos_size(tmp_path: Path) -> None:
    size = (240, 320)
    folder = write_pair(tmp_path, jpeg(photo(size)), slope(size, 900))
    (folder / "val.txt").write_text("one\n")
    (sample,) = load_split("nyuv2", folder, "val")
    whole = DATASETS["nyuv2"].intrinsics
    assert whole is not None and sample.intrinsics is not None
    assert sample.intrinsics.fx == whole.fx / 2
    # A point that a photo of 640x480 shows at column 100 is between columns 49 and 50 here.
    assert sample.intrinsics.cx == pytest.approx((whole.cx + 0.5) / 2 - 0.5)
    assert sample.valid.sum() == NYU_EIGEN.mask(*size).sum()


# Links


def test_scenes_that_are_links_are_found_once(tmp_path: Path) -> None:
    scenes, folder = tmp_path / "scenes", tmp_path / "data"
    for scene in ("kitchen", "office"):
        (scenes / scene).mkdir(parents=True)
        (scenes / scene / "rgb_00001.jpg").write_bytes(jpeg(photo((480, 640))))
        cv2.imwrite(str(scenes / scene / "sync_depth_00001.png"), slope((480, 640), 900))
    (folder / "val").mkdir(parents=True)
    (folder / "val" / "kitchen").symlink_to(scenes / "kitchen")
    (folder / "val" / "office").symlink_to(scenes / "office")
    (scenes / "office" / "loop").symlink_to(scenes / "office")
    found = load_split("nyuv2", folder, "val")
    assert [sample.name for sample in found] == ["kitchen_00001", "office_00001"]


# Damage


@pytest.mark.parametrize("part", [0.5, 0.9])
def test_depth_that_is_cut_short_is_refused(part: float, tmp_path: Path) -> None:
    folder = write_pair(tmp_path, jpeg(photo()), slope(SIZE, 900) + photo()[..., 0])
    path = folder / "depth" / "one.png"
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(DatasetError, match="one: its depth image is damaged"):
        load_split("pairs", folder, "all")


def test_a_photo_with_damaged_bytes_is_refused(tmp_path: Path) -> None:
    content = bytearray(jpeg(photo((240, 320))))
    middle = len(content) // 2
    content[middle : middle + 40] = np.random.default_rng(1).bytes(40)
    folder = write_pair(tmp_path, bytes(content), slope((240, 320), 900))
    with pytest.raises(DatasetError, match=r"one: its rgb image cannot be used: .*damaged"):
        load_split("pairs", folder, "all")
