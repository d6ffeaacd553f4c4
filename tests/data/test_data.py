"""The data pipeline: loaders on a synthetic and on the real datasets, augmentation, batches."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
import pytest
from keras import layers

from tests.support.real_data import real_data
from tests.support.synthetic_data import slope, write_dataset, write_frame
from tfl_depth.data import DATASETS, DatasetName, Sample, load_split
from tfl_depth.data.augment import MAX_STRETCH, Augmentation, augmented, plain
from tfl_depth.data.batches import Batches
from tfl_depth.errors import DatasetError

Array = npt.NDArray[Any]
SEEDS = range(40)


# Loaders


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "data", {"train": 3, "val": 2})


def test_loader_reads_the_split_in_its_order(dataset: Path) -> None:
    (dataset / "train.txt").write_text("train2\ntrain0\n", encoding="utf-8")
    assert [sample.name for sample in load_split("nyuv2", dataset, "train")] == [
        "train2",
        "train0",
    ]


def test_loader_gives_rgb_meters_and_the_camera(dataset: Path) -> None:
    depth_mm = slope((64, 96), 900)
    red = np.zeros((64, 96, 3), np.uint8)
    red[..., 0] = 200
    write_frame(dataset, "val0", red, depth_mm)
    sample = load_split("nyuv2", dataset, "val")[0]
    assert sample.rgb.dtype == np.uint8
    assert sample.rgb.shape == (64, 96, 3)
    np.testing.assert_allclose(sample.rgb, red, atol=4)  # JPEG
    assert sample.depth_m.dtype == np.float32
    np.testing.assert_allclose(sample.depth_m, depth_mm / 1000)
    whole = DATASETS["nyuv2"].intrinsics
    assert whole is not None
    assert sample.intrinsics == whole.at_size((480, 640), (64, 96))


@pytest.mark.parametrize(
    ("dataset_name", "depth_mm", "depth_m", "valid"),
    [
        ("redkitchen", 0, 0, False),
        ("redkitchen", 300, 0.3, False),
        ("redkitchen", 301, 0.301, True),
        ("redkitchen", 14999, 14.999, True),
        ("redkitchen", 15000, 15, False),
        ("redkitchen", 60000, 0, False),
        ("redkitchen", 65535, 0, False),
        ("nyuv2", 0, 0, False),
        ("nyuv2", 2, 0.002, True),
        ("nyuv2", 9999, 9.999, True),
        ("nyuv2", 10000, 10, False),
        ("nyuv2", 65535, 0, False),
    ],
)
def test_readings_count_inside_the_datasets_range(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dataset_name: DatasetName,
    depth_mm: int,
    depth_m: float,
    valid: bool,
) -> None:
    # Left where they are: tests/data/test_registration.py moves them.
    unmoved = replace(DATASETS[dataset_name], registration=None)
    monkeypatch.setitem(DATASETS, dataset_name, unmoved)
    folder = write_dataset(tmp_path / "data", {"val": 1}, (60, 60))
    readings = np.full((60, 60), depth_mm, np.uint16)
    readings[55] = 1000  # a frame needs a valid reading
    write_frame(folder, "val0", np.zeros((60, 60, 3), np.uint8), readings)
    sample = load_split(dataset_name, folder, "val")[0]
    # Inside the crop of both datasets.
    assert sample.depth_m[50, 50] == np.float32(depth_m)
    assert sample.valid[50, 50] == valid


def test_nyu_counts_the_eigen_crop_and_trains_on_all_but_the_border(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "data", {"train": 1}, (480, 640))
    evaluated = load_split("nyuv2", folder, "train")[0].valid
    trained = load_split("nyuv2", folder, "train", for_training=True)[0].valid
    assert bounds(evaluated) == (45, 471, 41, 601)
    assert bounds(trained) == (9, 471, 9, 631)


def bounds(valid: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(valid.any(axis=1)), np.flatnonzero(valid.any(axis=0))
    assert valid.sum() == len(rows) * len(columns)
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


@pytest.mark.parametrize("missing", ["rgb/train1.jpg", "depth/train1.png"])
@pytest.mark.parametrize("content", [None, b"not an image"])
def test_a_frame_that_cannot_be_read_is_named(
    dataset: Path, missing: str, content: bytes | None
) -> None:
    (dataset / missing).unlink()
    if content is not None:
        (dataset / missing).write_bytes(content)
    with pytest.raises(DatasetError, match=f"train1: its {missing.split('/')[0]}"):
        load_split("nyuv2", dataset, "train")


@pytest.mark.parametrize(
    ("depth", "said"),
    [
        (np.ones((64, 96), np.uint8), "a uint16 PNG of one channel, got uint8"),
        (np.ones((64, 96, 3), np.uint16), "a uint16 PNG of one channel, got uint16 of (64, 96, 3)"),
        (np.ones((32, 96), np.uint16), "(64, 96), got (32, 96)"),
        (np.zeros((64, 96), np.uint16), "no valid depth"),
    ],
)
def test_depth_of_another_kind_is_refused(dataset: Path, depth: Array, said: str) -> None:
    write_frame(dataset, "val1", np.zeros((64, 96, 3), np.uint8), depth)
    with pytest.raises(DatasetError, match=rf"val1: .*{re.escape(said)}"):
        load_split("nyuv2", dataset, "val")


def test_an_unknown_dataset_is_refused(dataset: Path) -> None:
    with pytest.raises(DatasetError, match=r"`dataset` to be 'nyuv2', .*, got 'nuscenes'"):
        load_split("nuscenes", dataset, "train")  # type: ignore[arg-type]


def test_a_missing_split_is_refused(dataset: Path) -> None:
    with pytest.raises(DatasetError, match=r"no split 'test'.*rgb/NAME\.jpg.*test\.txt"):
        load_split("nyuv2", dataset, "test")


def test_an_empty_split_is_refused(dataset: Path) -> None:
    (dataset / "test.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="names no frame"):
        load_split("nyuv2", dataset, "test")


# The real datasets


@pytest.mark.parametrize(("split", "frames"), [("train", 627), ("val", 168)])
def test_nyu_has_as_many_frames_as_its_splits_say(split: str, frames: int) -> None:
    folder = real_data("nyuv2")
    names = (folder / f"{split}.txt").read_text(encoding="utf-8").split()
    assert len(names) == len(set(names)) == frames
    for name in names:
        assert (folder / "rgb" / f"{name}.jpg").is_file()
        assert (folder / "depth" / f"{name}.png").is_file()


def test_nyu_splits_share_no_frame() -> None:
    folder = real_data("nyuv2")
    train, val = (
        (folder / f"{s}.txt").read_text(encoding="utf-8").split() for s in ("train", "val")
    )
    assert not set(train) & set(val)


def test_nyu_frames_are_valid_inside_the_eigen_crop_only(tmp_path: Path) -> None:
    folder = real_data("nyuv2")
    for sample in load_split("nyuv2", first_frames(folder, "val", 8, tmp_path), "val"):
        assert sample.rgb.shape == (480, 640, 3)
        outside = np.ones((480, 640), bool)
        outside[45:471, 41:601] = False
        assert not sample.valid[outside].any()
        # Dense, but for what the sensor clamps at 10 m.
        assert sample.valid[~outside].mean() > 0.5
        assert 0.5 < np.median(sample.depth_m[sample.valid]) < 8


def test_red_kitchen_marks_missing_readings(tmp_path: Path) -> None:
    folder = real_data("redkitchen")
    samples = load_split("redkitchen", first_frames(folder, "train", 8, tmp_path), "train")
    missing = np.stack([sample.depth_m == 0 for sample in samples])
    assert 0.02 < missing.mean() < 0.4
    assert not any(sample.valid[sample.depth_m == 0].any() for sample in samples)
    assert max(sample.depth_m.max() for sample in samples) < 15


def first_frames(folder: Path, split: str, count: int, tmp_path: Path) -> Path:
    """The dataset with its first frames only: loading all takes long."""
    for name in ("rgb", "depth"):
        (tmp_path / name).symlink_to(folder / name)
    names = (folder / f"{split}.txt").read_text(encoding="utf-8").split()[:count]
    (tmp_path / f"{split}.txt").write_text("\n".join(names), encoding="utf-8")
    return tmp_path


# To the network's grid


def sample_of(depth_m: Array, rgb: Array | None = None) -> Sample:
    if rgb is None:
        rgb = np.full((*depth_m.shape, 3), 128, np.uint8)
    return Sample("frame", rgb, depth_m.astype(np.float32), depth_m > 0)


def test_plain_resizes_as_the_runtime_does_and_mixes_no_depths() -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (96, 128, 3), np.uint8)
    depth_m = rng.choice([0.0, 1.0, 3.0], (96, 128))
    pixels, depth = plain(sample_of(depth_m, rgb), (48, 64))
    expected = cv2.resize(rgb, (64, 48), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(pixels, expected)
    assert pixels.dtype == depth.dtype == np.float32
    assert depth.shape == (48, 64, 1)
    assert set(np.unique(depth)) == {0, 1, 3}


def test_plain_hides_what_is_not_valid() -> None:
    depth_m = np.full((64, 64), 2.0)
    valid = np.zeros((64, 64), bool)
    valid[:32] = True
    rgb = np.zeros((64, 64, 3), np.uint8)
    sample = Sample("frame", rgb, depth_m.astype(np.float32), valid)
    _, depth = plain(sample, (32, 32))
    assert (depth[:16] == 2).all() and not depth[16:].any()


# Augmentation


def augment(sample: Sample, seed: int, size: tuple[int, int] = (192, 256)) -> tuple[Array, Array]:
    return augmented(sample, size, Augmentation(), np.random.default_rng(seed))


def rectangle_before_a_wall() -> Sample:
    """A rectangle 2 m away in front of a wall 4 m away, inside of every window that is cut."""
    depth_m = np.full((480, 640), 4.0)
    depth_m[190:290, 250:390] = 2
    return sample_of(depth_m)


# With seeds 56 and 80 the window is stretched to the picture's whole height, or width.
@pytest.mark.parametrize("seed", [*SEEDS, 56, 80])
def test_what_looks_larger_is_nearer_by_as_much(seed: int) -> None:
    """The magnification that the rectangle shows is the one that the depths are divided by."""
    _, depth = augment(rectangle_before_a_wall(), seed, (480, 640))
    near, far = (float(value) for value in np.unique(depth[depth > 0]))
    assert far == pytest.approx(2 * near, rel=1e-6)
    assert 4 / (Augmentation().max_zoom * MAX_STRETCH) <= far <= 4.001
    rectangle = depth[..., 0] == np.float32(near)
    assert not rectangle[[0, -1]].any() and not rectangle[:, [0, -1]].any()
    magnification = np.sqrt(rectangle.sum() / (100 * 140))
    assert magnification == pytest.approx(4 / far, rel=0.012)


def test_zoom_is_spread_over_its_range() -> None:
    magnifications = [4 / augment(rectangle_before_a_wall(), seed)[1].max() for seed in SEEDS]
    assert min(magnifications) < 1.1 and max(magnifications) > 1.35


def half_and_half() -> Sample:
    """Dark and near on the left, bright and far on the right, 1/3 against 2/3."""
    depth_m = np.full((240, 320), 2.0)
    depth_m[:, 107:] = 4
    rgb = np.where(depth_m[..., None] == 2, 60, 190) + np.zeros((1, 1, 3))
    return sample_of(depth_m, rgb.astype(np.uint8))


def test_image_and_depth_are_mirrored_together_half_the_time() -> None:
    mirrored = 0
    for seed in SEEDS:
        pixels, depth = augment(half_and_half(), seed)
        near, far = np.unique(depth[depth > 0])
        bright, dark = (pixels[depth[..., 0] == value].mean() for value in (far, near))
        assert bright > dark + 20
        mirrored += depth[96, 0, 0] == far
    assert 10 <= mirrored <= 30


@pytest.mark.parametrize("seed", SEEDS)
def test_pixels_are_what_a_uint8_can_say(seed: int) -> None:
    rgb = np.random.default_rng(seed).integers(0, 256, (96, 128, 3), np.uint8)
    pixels, depth = augment(sample_of(np.full((96, 128), 2.0), rgb), seed, (64, 64))
    assert pixels.dtype == depth.dtype == np.float32
    assert pixels.shape == (64, 64, 3)
    assert depth.shape == (64, 64, 1)
    assert pixels.min() >= 0 and pixels.max() <= 255
    np.testing.assert_array_equal(pixels, np.rint(pixels))


def test_invalid_pixels_stay_invalid() -> None:
    nothing = sample_of(np.zeros((96, 128)))
    assert not any(augment(nothing, seed)[1].any() for seed in SEEDS)


def test_a_share_of_the_images_is_not_cropped() -> None:
    augmentation = Augmentation(max_zoom=1.5, zoom_share=0.25)
    sample = sample_of(np.full((48, 64), 4.0))
    whole = [
        augmented(sample, (48, 64), augmentation, np.random.default_rng(seed))[1].max() == 4
        for seed in range(400)
    ]
    assert np.mean(whole) == pytest.approx(0.75, abs=0.07)


def test_augmentation_leaves_the_sample_as_it_is() -> None:
    sample = half_and_half()
    rgb, depth_m = sample.rgb.copy(), sample.depth_m.copy()
    for seed in range(5):
        augment(sample, seed)
    np.testing.assert_array_equal(sample.rgb, rgb)
    np.testing.assert_array_equal(sample.depth_m, depth_m)


# Batches


def numbered(count: int) -> list[Sample]:
    """Samples whose depth is their number, from 1 on."""
    return [sample_of(np.full((64, 64), float(number))) for number in range(1, count + 1)]


def batches(count: int = 10, *, augment: bool = True, seed: int = 0) -> Batches:
    augmentation = Augmentation() if augment else None
    return Batches(numbered(count), (32, 32), 4, augmentation=augmentation, seed=seed)


def contents(source: Batches) -> list[tuple[Array, Array]]:
    return [source[index] for index in range(len(source))]


def same(one: list[tuple[Array, Array]], other: list[tuple[Array, Array]]) -> bool:
    pairs = zip(one, other, strict=True)
    return all((a == c).all() and (b == d).all() for (a, b), (c, d) in pairs)


@pytest.mark.parametrize(
    ("samples", "augment", "expected"),
    [(8, True, 2), (10, True, 2), (3, True, 0), (8, False, 2), (10, False, 3), (3, False, 1)],
)
def test_training_leaves_out_the_incomplete_batch(
    samples: int, augment: bool, expected: int
) -> None:
    assert len(batches(samples, augment=augment)) == expected


def test_without_augmentation_every_sample_comes_once_in_order() -> None:
    found = contents(batches(augment=False))
    assert [len(pixels) for pixels, _ in found] == [4, 4, 2]
    depths = np.concatenate([depth[:, 0, 0, 0] for _, depth in found])
    np.testing.assert_array_equal(depths, np.arange(1, 11))


def test_an_epoch_shows_no_sample_twice() -> None:
    # Far apart, so that no magnification takes one for another.
    samples = [sample_of(np.full((64, 64), 2.0**number)) for number in range(8)]
    source = Batches(samples, (32, 32), 4, augmentation=Augmentation())
    seen = [np.log2(batch.max(axis=(1, 2, 3))) for _, batch in contents(source)]
    np.testing.assert_array_equal(np.sort(np.ceil(np.concatenate(seen) - 1e-3)), np.arange(8))


def test_epochs_are_shuffled_and_augmented_anew() -> None:
    source = batches()
    first = contents(source)
    source.start_epoch(1)
    assert not same(first, contents(source))


def test_one_sample_looks_different_each_epoch() -> None:
    source = Batches(numbered(1), (32, 32), 1, augmentation=Augmentation())
    first = contents(source)
    source.start_epoch(1)
    assert not same(first, contents(source))


def test_an_epoch_is_the_same_wherever_a_run_takes_it_up() -> None:
    whole, resumed = batches(), batches()
    for epoch in range(4):
        whole.start_epoch(epoch)
        contents(whole)
    resumed.start_epoch(3)
    assert same(contents(whole), contents(resumed))
    # Nor does it matter in which order workers ask.
    np.testing.assert_array_equal(resumed[1][0], whole[1][0])


def test_another_seed_gives_another_epoch() -> None:
    assert not same(contents(batches()), contents(batches(seed=1)))


def test_fit_sees_the_epoch_that_was_started() -> None:
    """Whatever Keras calls meanwhile: a callback that starts epochs decides what is seen."""
    seen: list[int] = []

    class Recorded(Batches):
        def __getitem__(self, index: int) -> tuple[Array, Array]:
            seen.append(self._epoch)
            return super().__getitem__(index)

    recorded = Recorded(numbered(10), (32, 32), 4, augmentation=Augmentation())
    pixels = keras.Input((32, 32, 3))
    model = keras.Model(pixels, layers.Conv2D(1, 1)(pixels))
    model.compile("sgd", "mse")
    start = keras.callbacks.LambdaCallback(on_epoch_begin=lambda e, _: recorded.start_epoch(e))
    model.fit(recorded, initial_epoch=2, epochs=4, shuffle=False, verbose=0, callbacks=[start])
    assert seen[-2 * len(recorded) :] == [2, 2, 3, 3]
