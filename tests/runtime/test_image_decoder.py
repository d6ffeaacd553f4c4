"""Photos are decoded whole or not at all; where one side shrinks it is averaged as well."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tfl_depth.errors import ImageError
from tfl_depth.runtime.preprocess import decode_image, load_pixels, read_image, resize_pixels

Pixels = npt.NDArray[np.uint8]
DAMAGED = 40


@pytest.fixture(scope="module")
def content() -> bytes:
    """A JPEG of a picture with much in it."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (30, 40, 3), np.uint8)
    pixels = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC)
    noisy = np.clip(pixels + random.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", noisy)[1].tobytes()


def damaged(content: bytes, seed: int) -> bytes:
    """With 64 other bytes somewhere in its middle."""
    random = np.random.default_rng(seed)
    at = int(random.integers(len(content) // 4, len(content) * 3 // 4))
    return content[:at] + random.bytes(64) + content[at + 64 :]


def is_refused(content: bytes) -> bool:
    try:
        decode_image(content, "photo.jpg")
    except ImageError as error:
        assert "photo.jpg" in str(error) and "damaged" in str(error)
        return True
    return False


def test_a_jpeg_with_damaged_bytes_in_its_middle_is_refused(content: bytes, tmp_path: Path) -> None:
    refused = sum(is_refused(damaged(content, seed)) for seed in range(DAMAGED))
    # What comes out by chance as another picture, whole by all that JPEG says, cannot be told.
    assert refused >= 0.9 * DAMAGED
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    assert read_image(path).shape == (480, 640, 3)


def test_a_damaged_jpeg_that_pil_has_opened_is_refused(content: bytes) -> None:
    """PIL takes it for whole: 36 of 40."""
    refused = 0
    for seed in range(DAMAGED):
        try:
            load_pixels(Image.open(io.BytesIO(damaged(content, seed))), "rgb")
        except ImageError as error:
            refused += "PIL image" in str(error)
    assert refused >= 0.9 * DAMAGED
    whole, _ = load_pixels(Image.open(io.BytesIO(content)), "rgb")
    assert whole.shape == (480, 640, 3)


def test_a_flipped_bit_of_a_png_is_refused(content: bytes) -> None:
    png = cv2.imencode(".png", decode_image(content, ""))[1].tobytes()
    random = np.random.default_rng(3)
    for at in random.integers(8, len(png), 50):
        flipped = bytearray(png)
        flipped[at] ^= 1 << int(random.integers(8))
        assert is_refused(bytes(flipped))


def test_threads_are_told_of_their_own_pictures_alone(content: bytes) -> None:
    bad = damaged(content, 0)
    assert is_refused(bad)
    wrong: list[int] = []

    def decode(first: int) -> None:
        for number in range(first, first + 20):
            if is_refused(bad if number % 2 else content) != bool(number % 2):
                wrong.append(number)

    threads = [threading.Thread(target=decode, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_others_print_meanwhile_is_not_lost(
    content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    over = threading.Event()

    def speak() -> None:
        for number in range(400):
            os.write(2, b"line %d\n" % number)
        over.set()

    speaker = threading.Thread(target=speak)
    speaker.start()
    while not over.is_set():
        is_refused(damaged(content, 0))
    speaker.join()
    lines = capfd.readouterr().err.splitlines()
    assert sorted(lines) == sorted(f"line {number}" for number in range(400))


@pytest.mark.parametrize("shape", [(1920, 255), (255, 1920), (1920, 256), (1920, 1080)])
def test_noise_is_averaged_along_each_axis_that_shrinks(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(4).integers(0, 256, shape, np.uint8)
    deviation = resize_pixels(noise, (192, 256)).std()
    # Ten pixels are averaged to one; left out, as where nothing shrinks, it is above 40.
    assert deviation < 30


def test_the_axis_that_grows_is_interpolated() -> None:
    row = np.array([[0, 200]], np.uint8)
    np.testing.assert_array_equal(
        resize_pixels(np.repeat(row, 8, 0), (4, 4)), [[0, 50, 150, 200]] * 4
    )
