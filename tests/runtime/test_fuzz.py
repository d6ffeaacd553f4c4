"""Whatever is given as an image is right depth or a clear error. In full: `make soak`.

Every case is made from its number, which stands in the failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.length import length
from tfl_depth.runtime import DepthRunner, ImageError
from tfl_depth.runtime.fit import fit_frame, fit_pixels
from tfl_depth.runtime.preprocess import Channels, resize_pixels, write_input

Pixels = npt.NDArray[np.uint8]
Random = np.random.Generator
CASES = length(500, 10_000)
# Of these sides, as long as an image has at most so many pixels.
SIDES = (0, 1, 2, 3, 5, 63, 64, 96, 97, 200, 1000, 33_000, 70_000)
MOST_PIXELS = 150_000


@pytest.fixture(scope="module")
def runner(net: Path) -> Iterator[DepthRunner]:
    with DepthRunner(net, num_threads=1) as opened:
        yield opened


def any_array(random: Random) -> npt.NDArray[Any]:
    """Any shape, strides, dtype and number of channels; usually near what is allowed."""
    while True:
        shape = [int(random.choice(SIDES)) for _ in range(2)]
        if np.prod(shape) <= MOST_PIXELS:
            break
    channels = random.choice([0, 3, 3, 3, 3, 1, 2, 4])
    shape += [int(channels)] * bool(channels) + [1] * (random.random() < 0.03)
    dtype = random.choice(["u1"] * 8 + ["i1", "u2", "f4", "f8", "?", "i8"])
    array = (random.random(shape) * 255).astype(dtype)
    for view in random.choice(list(VIEWS), size=random.integers(0, 3), replace=False):
        array = VIEWS[view](array)
    if random.random() < 0.3:
        array.flags.writeable = False
    return array


VIEWS: dict[str, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
    "rows reversed": lambda array: array[::-1],
    "columns reversed": lambda array: array[:, ::-1],
    "channels reversed": lambda array: array[..., ::-1],
    "every second row": lambda array: array[::2],
    "every third column": lambda array: array[:, ::3],
    "crop": lambda array: array[1:, 1:-1],
    "columns first": np.asfortranarray,
    "turned": lambda array: np.swapaxes(array, 0, 1),
    "one row again and again": lambda array: np.broadcast_to(array[:1], array.shape),
}


def is_image(array: npt.NDArray[Any]) -> bool:
    shaped = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    return bool(array.dtype == np.uint8 and shaped and array.size)


def test_any_array_is_depth_or_an_image_error(runner: DepthRunner) -> None:
    images = 0
    for case in range(CASES):
        random = np.random.default_rng([71, case])
        array = any_array(random)
        channels: Channels = "bgr" if case % 2 else "rgb"
        if not is_image(array):
            with pytest.raises(ImageError, match=r"^Expected .*got "):
                runner.infer(array, channels=channels)
            continue
        images += 1
        found = runner.infer(array, channels=channels)
        plain = np.array(array, order="C")
        assert found.shape == array.shape[:2], case
        np.testing.assert_array_equal(found, runner.infer(plain, channels=channels), str(case))
    assert CASES / 4 < images < CASES


SUFFIXES = (".png", ".jpg", ".bmp", ".webp", ".tiff", ".ppm")


def damaged(content: bytes, random: Random) -> bytes:
    """Bits flipped, a piece cut out or repeated, the end cut off, or something behind it."""
    changed = bytearray(content)
    first, last = sorted(int(place) for place in random.integers(0, len(changed), 2))
    kind = random.integers(5)
    if kind == 0:
        for place in random.integers(0, len(changed), random.integers(1, 8)):
            changed[place] ^= 1 << int(random.integers(8))
    elif kind == 1:
        del changed[first:last]
    elif kind == 2:
        changed[first:first] = changed[first:last]
    elif kind == 3:
        del changed[first:]
    else:
        changed += random.bytes(int(random.integers(1, 100)))
    return bytes(changed)


def test_any_damaged_file_is_depth_or_an_image_error(
    runner: DepthRunner, photo: Pixels, tmp_path: Path
) -> None:
    refused = 0
    small = cv2.resize(photo, (70, 50))
    contents = [cv2.imencode(suffix, small)[1].tobytes() for suffix in SUFFIXES]
    for case in range(CASES):
        content = damaged(contents[case % len(contents)], np.random.default_rng([72, case]))
        path = tmp_path / f"photo{SUFFIXES[case % len(contents)]}"
        path.write_bytes(content)
        try:
            found = runner.infer(path)
        except ImageError as error:
            assert path.name in str(error), case
            refused += 1
            continue
        shown = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        assert shown is not None, case
        np.testing.assert_array_equal(found, runner.infer(np.asarray(shown)), str(case))
    assert CASES / 4 < refused < CASES


SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(deadline=None, max_examples=length(80, 200))
@given(SIZES, SIZES, st.booleans(), st.sampled_from(get_args(Channels)), st.integers(0, 2**32 - 1))
def test_input_is_the_resized_picture_in_rgb(
    size: tuple[int, int], model_size: tuple[int, int], gray: bool, order: Channels, seed: int
) -> None:
    """In all dtypes that a model or its frames take, whatever the working memory held before."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, size if gray else (*size, 3), np.uint8)
    resized = resize_pixels(pixels, model_size)
    rgb = np.dstack([resized] * 3) if gray else resized[..., :: 1 if order == "rgb" else -1]
    place = fit_frame(size, model_size, "stretch")
    dirty = random.integers(0, 256, model_size + pixels.shape[2:], np.uint8)
    for dtype in (np.uint8, np.float32):
        out = np.full((*model_size, 3), 7, dtype)
        write_input(fit_pixels(pixels, place, dirty), order, out)
        np.testing.assert_array_equal(out, rgb)
    prepared, copied = (np.full((*model_size, 3), 7, np.int8) for _ in range(2))
    write_input(fit_pixels(pixels, place, dirty), order, prepared)
    np.testing.assert_array_equal(prepared.astype(np.int64), rgb.astype(np.int64) - 128)
    write_input(prepared, "rgb", copied)
    np.testing.assert_array_equal(copied, prepared)


@settings(deadline=None, max_examples=length(50, 100))
@given(SIZES, SIZES, st.integers(0, 255))
def test_resizing_keeps_one_color_and_stays_between_the_extremes(
    size: tuple[int, int], model_size: tuple[int, int], value: int
) -> None:
    assert (resize_pixels(np.full(size, value, np.uint8), model_size) == value).all()
    pixels = np.random.default_rng(value).integers(0, 256, size, np.uint8)
    resized = resize_pixels(pixels, model_size)
    assert resized.shape == model_size
    assert pixels.min() <= resized.min() and resized.max() <= pixels.max()
