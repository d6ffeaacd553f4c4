"""Which images calibrate and which verify."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from tfl_depth.converters.representative import ImageSplit, find_images, read_pixels, split_images
from tfl_depth.errors import ConversionError


def paths(count: int) -> list[Path]:
    return [Path(f"{number:04}.jpg") for number in range(count)]


@pytest.mark.parametrize(
    ("images", "samples", "calibrate", "verify"),
    [
        (2, 100, 1, 1),
        (3, 100, 2, 1),
        (12, 100, 10, 2),
        (50, 100, 40, 10),
        (50, 45, 40, 10),
        (50, 20, 20, 16),
        (100, 100, 84, 16),
        (110, 100, 94, 16),
        (116, 100, 100, 16),
        (5000, 100, 100, 16),
        (12, 1, 1, 11),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_calibration_and_verification_share_no_image(
    images: int, samples: int, calibrate: int, verify: int, seed: int
) -> None:
    split = split_images(paths(images), samples=samples, seed=seed)
    assert (len(split.calibration), len(split.verification)) == (calibrate, verify)
    chosen = {*split.calibration, *split.verification}
    assert len(chosen) == calibrate + verify
    assert chosen <= set(paths(images))


def test_the_same_seed_chooses_the_same_images() -> None:
    assert split_images(paths(50), samples=20, seed=4) == split_images(
        paths(50), samples=20, seed=4
    )


def test_seeds_choose_other_images() -> None:
    chosen = {split_images(paths(50), samples=20, seed=seed).calibration for seed in range(10)}
    assert len(chosen) == 10


def write(folder: Path, *names: str) -> list[Path]:
    """Write images of noise, each another."""
    written = []
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rgb = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
        cv2.imwrite(str(path), rgb)
        written.append(path)
    return written


def test_folder_is_searched_with_its_subfolders_for_images_only(tmp_path: Path) -> None:
    expected = write(tmp_path, "a.jpg", "b/c.PNG", "b/d/e.bmp")
    (tmp_path / "notes.txt").write_text("a.jpg")
    assert find_images(str(tmp_path)) == sorted(expected)


def test_glob_finds_what_it_matches(tmp_path: Path) -> None:
    expected = write(tmp_path, "left/1.png", "left/2.png", "right/1.png", "left/3.jpg")
    assert find_images(f"{tmp_path}/left/*.png") == expected[:2]
    assert find_images(f"{tmp_path}/**/1.png") == [expected[0], expected[2]]


def test_list_is_relative_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = write(tmp_path / "photos", "1.png", "2.png")
    (tmp_path / "list.txt").write_text(f"\nphotos/2.png\n  {one}  \n\n")
    monkeypatch.chdir("/")
    assert find_images(str(tmp_path / "list.txt")) == [one, two]


def test_an_image_found_twice_counts_once(tmp_path: Path) -> None:
    one, two = write(tmp_path / "photos", "1.png", "2.png")
    (tmp_path / "photos" / "linked.png").symlink_to(one)
    (tmp_path / "list.txt").write_text("photos/1.png\nphotos/../photos/1.png\nphotos/2.png\n")
    assert find_images(str(tmp_path / "photos")) == [one, two]
    assert find_images(str(tmp_path / "list.txt")) == [one, two]


def test_digest_is_over_contents_not_names_or_order(tmp_path: Path) -> None:
    one, two = write(tmp_path, "1.png", "2.png")
    copies = (tmp_path / "y.png", tmp_path / "x.png")
    for copy, original in zip(copies, (one, two), strict=True):
        copy.write_bytes(original.read_bytes())
    digest = ImageSplit((one, two), (), 0).sha256()
    assert ImageSplit((two, one), (), 7).sha256() == digest
    assert ImageSplit(copies, (), 0).sha256() == digest
    assert ImageSplit((one,), (), 0).sha256() != digest
    lines = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in (one, two))
    assert digest == hashlib.sha256(f"{lines[0]}\n{lines[1]}\n".encode()).hexdigest()


def test_pixels_are_rgb_at_the_networks_size(tmp_path: Path) -> None:
    bgr = np.zeros((32, 48, 3), np.uint8)
    bgr[..., 2] = 200
    cv2.imwrite(str(tmp_path / "red.png"), bgr)
    pixels = read_pixels(tmp_path / "red.png", (8, 12))
    assert pixels.shape == (8, 12, 3)
    assert pixels.dtype == np.uint8
    assert (pixels == (200, 0, 0)).all()


def test_gray_images_become_rgb(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "gray.png"), np.full((16, 16), 90, np.uint8))
    assert (read_pixels(tmp_path / "gray.png", (8, 8)) == 90).all()


@pytest.mark.parametrize("samples", [0, -1])
def test_no_sample_is_refused(samples: int) -> None:
    with pytest.raises(ConversionError, match="at least 1 image for calibration"):
        split_images(paths(9), samples=samples, seed=0)
