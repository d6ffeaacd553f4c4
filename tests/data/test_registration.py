"""Registration: the geometry by hand, and the one of 7-Scenes on its own edges."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.support.real_data import real_data
from tfl_depth.data import DATASETS, Sample, load_split
from tfl_depth.data.registration import Registration
from tfl_depth.errors import DatasetError
from tfl_depth.intrinsics import Intrinsics

CAMERA = Intrinsics(100.0, 100.0, 32.0, 24.0)
SAME = Registration(48, 64, CAMERA, CAMERA, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
RED_KITCHEN = DATASETS["redkitchen"].registration
Array = npt.NDArray[np.float32]


def wall(depth_m: float = 2.0) -> Array:
    return np.full((48, 64), depth_m, np.float32)


def test_the_same_camera_changes_nothing() -> None:
    depth_m = np.random.default_rng(0).uniform(0.5, 9, (48, 64)).astype(np.float32)
    depth_m[:5] = 0
    np.testing.assert_allclose(SAME(depth_m), depth_m, rtol=1e-6)


@pytest.mark.parametrize(("depth_m", "shift"), [(1.0, 10), (2.0, 5), (5.0, 2)])
def test_a_camera_beside_it_sees_the_near_farther_aside(depth_m: float, shift: int) -> None:
    """0.1 m to the side, at a focal length of 100: 10 px at 1 m."""
    moved = replace(SAME, translation_m=(0.1, 0.0, 0.0))(wall(depth_m))
    assert not moved[:, :shift].any()
    np.testing.assert_allclose(moved[:, shift:], depth_m)


def test_a_camera_behind_it_sees_all_farther() -> None:
    farther = replace(SAME, translation_m=(0.0, 0.0, 0.5))(wall(2.0))
    assert set(np.unique(farther)) == {0.0, 2.5}


def test_a_wider_camera_sees_it_in_its_middle() -> None:
    wide = replace(CAMERA, fx=50.0, fy=50.0)
    seen = replace(SAME, rgb_camera=wide)(wall()) > 0
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (12, 36, 16, 48)
    assert seen[12:36, 16:48].all()


def test_the_nearer_of_two_hides_the_other() -> None:
    """A post at 1 m before a wall at 2 m moves by 10 px, the wall by 5."""
    depth_m = wall(2.0)
    depth_m[:, 30:35] = 1
    seen = replace(SAME, translation_m=(0.1, 0.0, 0.0))(depth_m)
    np.testing.assert_allclose(seen[:, 40:45], 1)
    np.testing.assert_allclose(seen[:, 45:], 2)
    # What the post hid from the depth camera is not known.
    assert not seen[:, 35:40].any()


def test_a_turned_camera_sees_it_turned() -> None:
    """A rotation about the axis, by a right angle."""
    depth_m = np.zeros((48, 64), np.float32)
    depth_m[24, 42] = 3
    turned = replace(SAME, rotation_rad=(0.0, 0.0, np.pi / 2))(depth_m)
    assert turned[34, 32] == pytest.approx(3)
    assert np.count_nonzero(turned) == 1


def test_an_image_of_another_size_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"\(48, 64\), the size .* got \(24, 32\)"):
        SAME(np.ones((24, 32), np.float32))


# The fit of docs/decisions/003, on frames that it was not made on.


@pytest.fixture(scope="module")
def unregistered() -> list[Sample]:
    folder = real_data("redkitchen")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DATASETS, "redkitchen", replace(DATASETS["redkitchen"], registration=None))
        return load_split("redkitchen", folder, "val")[::5]


def edge_contrast(samples: list[Sample], registration: Registration) -> float:
    """How much stronger the photo's gradient is where depth jumps than around there."""
    total, count = 0.0, 0
    for sample in samples:
        gray = cv2.cvtColor(sample.rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
        gradient = np.minimum(np.hypot(cv2.Sobel(gray, -1, 1, 0), cv2.Sobel(gray, -1, 0, 1)), 200)
        contrast = cv2.GaussianBlur(gradient - cv2.blur(gradient, (61, 61)), (0, 0), 1.0)
        columns, rows, depth_m = jumps(sample.depth_m)
        x, y, _ = registration.project(columns, rows, depth_m)
        found = cv2.remap(
            contrast, x[None].astype(np.float32), y[None].astype(np.float32), cv2.INTER_LINEAR
        )
        total, count = total + float(found.sum()), count + found.size
    return total / count


def jumps(depth_m: Array) -> tuple[Array, Array, Array]:
    """Columns, rows and nearer depth where neighbors to the right differ by over 6 %."""
    left, right = depth_m[:, :-1], depth_m[:, 1:]
    nearer = np.minimum(left, right)
    rows, columns = np.nonzero((nearer > 0) & (np.abs(left - right) > 0.06 * nearer))
    inside = (columns > 12) & (columns < 628) & (rows > 12) & (rows < 468)
    rows, columns = rows[inside], columns[inside]
    return columns.astype(np.float32) + 0.5, rows.astype(np.float32), nearer[rows, columns]


def test_red_kitchens_depth_edges_lie_on_the_photos_edges(unregistered: list[Sample]) -> None:
    assert RED_KITCHEN is not None
    # As it is on disk: both cameras taken for one.
    same = replace(
        RED_KITCHEN,
        rgb_camera=RED_KITCHEN.depth_camera,
        rotation_rad=(0.0, 0.0, 0.0),
        translation_m=(0.0, 0.0, 0.0),
    )
    assert edge_contrast(unregistered, RED_KITCHEN) > 5 * edge_contrast(unregistered, same)


@pytest.mark.parametrize(
    "off",
    [
        {"rgb_camera": Intrinsics(537.0, 537.0, 320.0, 240.0)},
        {"rotation_rad": (0.0111, 0.0001, 0.0080)},
        {"rotation_rad": (0.0061, -0.0049, 0.0080)},
        {"rotation_rad": (0.0061, 0.0001, 0.0)},
        {"translation_m": (-0.0154, 0.0044, 0.0019)},
    ],
    ids=["focal length", "pitch", "yaw", "roll", "baseline"],
)
def test_each_part_of_the_fit_counts(
    unregistered: list[Sample], off: dict[str, tuple[float, ...]]
) -> None:
    assert RED_KITCHEN is not None
    worse = replace(RED_KITCHEN, **off)  # type: ignore[arg-type]
    assert edge_contrast(unregistered, RED_KITCHEN) > edge_contrast(unregistered, worse)
