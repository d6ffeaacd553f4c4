"""`DepthRunner.infer_batch`: many images, several interpreters, one order."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tfl_depth.runtime import DepthError, DepthRunner, ImageError, SkippedImageWarning
from tfl_depth.runtime.batch import AHEAD
from tfl_depth.runtime.frame_options import DepthSize

ROOT = Path(__file__).resolve().parents[2]
Pixels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def images() -> list[Pixels]:
    random = np.random.default_rng(31)
    return [random.integers(0, 256, (70 + k, 90, 3), np.uint8) for k in range(24)]


def batch_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("tfl-depth batch")]


@pytest.mark.parametrize("size", ["image", "model"])
@pytest.mark.parametrize("workers", [1, 3, None])
def test_batch_gives_what_infer_gives_in_order(
    workers: int | None, size: DepthSize, net: Path, images: list[Pixels]
) -> None:
    with DepthRunner(net) as runner:
        found = list(runner.infer_batch(images, workers=workers, size=size, channels="rgb"))
        for image, depth_mm in zip(images, found, strict=True):
            expected = runner.infer(image, size=size, channels="rgb")
            np.testing.assert_array_equal(depth_mm, expected)
    assert not batch_threads()


def test_images_are_taken_as_they_are_needed(net: Path, photo: Pixels) -> None:
    taken = 0

    def source() -> Iterator[Pixels]:
        nonlocal taken
        while True:
            taken += 1
            yield photo

    with DepthRunner(net) as runner:
        depths = runner.infer_batch(source(), workers=2)
        assert taken == 0
        next(depths)
        assert taken == AHEAD * 2 + 1
        next(depths)
        assert taken == AHEAD * 2 + 2
        depths.close()
    assert not batch_threads()


def test_image_that_fails_ends_the_batch_at_its_place(net: Path, images: list[Pixels]) -> None:
    some: list[Any] = [*images[:5], images[0].astype(np.float32), *images[5:]]
    with DepthRunner(net) as runner:
        depths = runner.infer_batch(some, workers=2)
        for image in images[:5]:
            np.testing.assert_array_equal(next(depths), runner.infer(image))
        with pytest.raises(ImageError, match="got float32"):
            next(depths)
        assert list(depths) == []
    assert not batch_threads()


def test_bad_photo_of_a_folder_has_no_depth_and_ends_nothing(
    net: Path, images: list[Pixels], tmp_path: Path
) -> None:
    for number in (0, 2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), images[number])
    (tmp_path / "1.png").write_bytes(b"no image")
    with DepthRunner(net) as runner:
        with pytest.warns(SkippedImageWarning, match=r"1\.png as an image"):
            first, bad, last = runner.infer_batch(str(tmp_path), workers=2, skip_bad=True)
        assert bad is None
        for found, number in ((first, 0), (last, 2)):
            assert found is not None
            np.testing.assert_array_equal(found, runner.infer(images[number]))
        with pytest.raises(ImageError, match="Expected photos, got 0"):
            runner.infer_batch("camera:0")


def test_error_of_the_source_is_the_callers(net: Path, photo: Pixels) -> None:
    def source() -> Iterator[Pixels]:
        yield photo
        raise ZeroDivisionError

    with DepthRunner(net) as runner, pytest.raises(ZeroDivisionError):
        list(runner.infer_batch(source()))
    assert not batch_threads()


def test_fewer_than_one_worker_is_refused(net: Path) -> None:
    with DepthRunner(net) as runner, pytest.raises(DepthError, match=r"`workers`.*got 0"):
        runner.infer_batch([], workers=0)


def test_closed_runner_begins_no_batch(net: Path) -> None:
    runner = DepthRunner(net)
    runner.close()
    with pytest.raises(DepthError, match="closed: open a new one"):
        runner.infer_batch([])


def test_a_terminal_shows_the_progress(net: Path, tmp_path: Path) -> None:
    code = (
        "import sys, numpy as np; from tfl_depth import DepthRunner;"
        "runner = DepthRunner(sys.argv[1]);"
        "images = [np.zeros((64, 96, 3), np.uint8)] * 3;"
        "print(len([*runner.infer_batch(images, workers=1)]))"
    )
    command = [sys.executable, "-c", code, str(net)]
    main, other = pty.openpty()
    shown = subprocess.run(command, stdout=subprocess.PIPE, stderr=other, cwd=ROOT, check=True)
    os.close(other)
    assert shown.stdout == b"3\n"
    assert b"infer:" in os.read(main, 1 << 16)
    os.close(main)
    silent = subprocess.run(command, capture_output=True, cwd=ROOT, check=True)
    assert b"infer:" not in silent.stderr
