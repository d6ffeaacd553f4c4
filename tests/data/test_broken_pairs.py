"""Broken pairs are counted and named, or left out on purpose; a split may stay on disk."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.synthetic_data import write_dataset, write_frame
from tfl_depth.data import load_split, open_split
from tfl_depth.errors import DatasetError

READERS = pytest.mark.parametrize("read", [load_split, open_split])
Reader = Callable[..., Any]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "data", {"train": 8})


def break_each(dataset: Path) -> None:
    """In eight ways but one: train0 stays whole."""
    black = np.zeros((64, 96, 3), np.uint8)
    (dataset / "rgb" / "train1.jpg").unlink()
    (dataset / "depth" / "train2.png").unlink()
    (dataset / "rgb" / "train3.jpg").write_bytes(b"")
    (dataset / "depth" / "train4.png").write_bytes(b"\x89PNG")
    write_frame(dataset, "train5", black, np.ones((64, 96), np.uint8))
    write_frame(dataset, "train6", black, np.ones((64, 95), np.uint16))
    write_frame(dataset, "train7", black, np.zeros((64, 96), np.uint16))


@READERS
def test_all_are_counted_and_the_first_named(dataset: Path, read: Reader) -> None:
    break_each(dataset)
    with pytest.raises(DatasetError) as raised:
        read("nyuv2", dataset, "train")
    text = str(raised.value)
    assert "7 of 8 pairs" in text
    assert "skip_broken" in text
    for number, said in enumerate(
        ["rgb file train1.jpg is missing", "depth file", "rgb image", "depth image", "uint16"], 1
    ):
        assert f"train{number}: " in text
        assert said in text
    assert "train6" not in text and "..." in text


@READERS
def test_skipping_is_reported(dataset: Path, read: Reader) -> None:
    break_each(dataset)
    with pytest.warns(UserWarning, match="Skipped: 7 of 8 pairs.*train1: ") as warned:
        frames = read("nyuv2", dataset, "train", skip_broken=True)
    assert warned[0].filename == __file__
    assert [sample.name for sample in frames] == ["train0"]


@READERS
def test_nothing_but_broken_pairs_is_an_error(dataset: Path, read: Reader) -> None:
    break_each(dataset)
    (dataset / "rgb" / "train0.jpg").unlink()
    with pytest.raises(DatasetError, match="8 of 8 pairs"):
        read("nyuv2", dataset, "train", skip_broken=True)


@READERS
def test_whole_pairs_need_no_skipping(dataset: Path, read: Reader) -> None:
    assert len(read("nyuv2", dataset, "train", skip_broken=True)) == 8


def test_a_partner_is_missed_on_either_side(tmp_path: Path) -> None:
    for kind, name in (("rgb", "a.png"), ("depth", "b.npy")):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / name).write_bytes(b"")
    with pytest.raises(DatasetError, match=r"2 of 2 .*a: its depth file .*b: its rgb file"):
        load_split("pairs", tmp_path, "all")


@READERS
def test_a_photo_that_is_cut_short_is_broken(dataset: Path, read: Reader) -> None:
    """From a file, OpenCV would read it and fill it up with gray."""
    photo = dataset / "rgb" / "train3.jpg"
    photo.write_bytes(photo.read_bytes()[: photo.stat().st_size // 2])
    with pytest.raises(
        DatasetError, match=r"1 of 8 .*train3: its rgb image cannot be used: .*damaged"
    ):
        read("nyuv2", dataset, "train")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"\x93NUMPY\x01\x00"])
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_a_damaged_array_is_broken(tmp_path: Path, ending: str, content: bytes) -> None:
    write_dataset(tmp_path, {"train": 1})
    (tmp_path / "depth" / "train0.png").unlink()
    (tmp_path / "depth" / f"train0.{ending}").write_bytes(content)
    with pytest.raises(DatasetError, match=r"1 of 1 .*train0\.np. is unreadable"):
        load_split("pairs", tmp_path, "train")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.ones((64, 96), np.uint16), "floating-point meters"),
        (np.ones((64, 96, 3), np.float32), "floating-point meters"),
        (np.full((64, 96), -np.inf, np.float32), "no valid depth"),
    ],
)
def test_an_array_of_another_kind_is_broken(tmp_path: Path, values: Any, said: str) -> None:
    write_dataset(tmp_path, {"train": 1})
    (tmp_path / "depth" / "train0.png").unlink()
    np.save(tmp_path / "depth" / "train0.npy", values)
    with pytest.raises(DatasetError, match=f"train0: .*{said}"):
        load_split("pairs", tmp_path, "train")


def test_an_archive_of_several_arrays_must_say_which(tmp_path: Path) -> None:
    write_dataset(tmp_path, {"train": 1})
    (tmp_path / "depth" / "train0.png").unlink()
    np.savez(tmp_path / "depth" / "train0.npz", a=np.ones(2), b=np.ones(2))
    with pytest.raises(DatasetError, match="one called depth, got a, b"):
        load_split("pairs", tmp_path, "train")


def test_a_split_on_disk_is_the_one_in_memory(dataset: Path) -> None:
    loaded = load_split("nyuv2", dataset, "train", for_training=True)
    opened = open_split("nyuv2", dataset, "train", for_training=True)
    assert len(opened) == len(loaded)
    for one, other in zip(opened, loaded, strict=True):
        assert one.name == other.name
        np.testing.assert_array_equal(one.rgb, other.rgb)
        np.testing.assert_array_equal(one.depth_m, other.depth_m)
        np.testing.assert_array_equal(one.valid, other.valid)
    assert [sample.name for sample in opened[2:4]] == ["train2", "train3"]
    assert opened[-1].name == "train7"


def test_a_split_on_disk_can_be_sent_to_workers(dataset: Path) -> None:
    opened = open_split("nyuv2", dataset, "train")
    assert pickle.loads(pickle.dumps(opened))[3].name == "train3"  # noqa: S301 - our own


def test_a_frame_that_breaks_later_is_named(dataset: Path) -> None:
    opened = open_split("nyuv2", dataset, "train")
    (dataset / "depth" / "train3.png").unlink()
    with pytest.raises(DatasetError, match="train3: its depth file"):
        opened[3]
