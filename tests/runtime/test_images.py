"""What may be given as an image, in what order its channels are, and what is refused."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tfl_depth.runtime import DepthError, DepthRunner, ImageError
from tfl_depth.runtime.preprocess import resize_pixels

Pixels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def runner(net: Path) -> Iterator[DepthRunner]:
    with DepthRunner(net) as opened:
        yield opened


@pytest.fixture(scope="module")
def png(photo: Pixels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "photo.png"
    cv2.imwrite(str(path), photo)
    return path


def rgb(photo: Pixels) -> Pixels:
    return np.ascontiguousarray(photo[..., ::-1])


# The same picture as a path, a PIL image or an array.
SOURCES: dict[str, Callable[[Path], Any]] = {
    "path": lambda png: png,
    "string": str,
    "imread": lambda png: cv2.imread(str(png)),
    "PIL": Image.open,
    "PIL with alpha": lambda png: opaque(Image.open(png)),
}


def opaque(image: Image.Image) -> Image.Image:
    image.putalpha(255)
    return image


@pytest.mark.parametrize("source", SOURCES)
def test_same_picture_gives_the_same_depth(
    source: str, runner: DepthRunner, png: Path, photo: Pixels
) -> None:
    np.testing.assert_array_equal(runner.infer(SOURCES[source](png)), runner.infer(photo))


@pytest.mark.parametrize("source", ["path", "PIL"])
def test_channels_speak_of_arrays_only(
    source: str, runner: DepthRunner, png: Path, photo: Pixels
) -> None:
    depth_mm = runner.infer(SOURCES[source](png), channels="rgb")
    np.testing.assert_array_equal(depth_mm, runner.infer(photo))


def test_rgb_and_bgr_are_told_apart(runner: DepthRunner, photo: Pixels) -> None:
    from_bgr = runner.infer(photo)
    np.testing.assert_array_equal(runner.infer(rgb(photo), channels="rgb"), from_bgr)
    wrong = runner.infer(rgb(photo), channels="bgr")
    assert np.mean(wrong != from_bgr) > 0.9


@pytest.mark.parametrize("size", [(150, 210), (64, 96)])
def test_gray_is_taken_as_equal_channels(
    size: tuple[int, int], runner: DepthRunner, photo: Pixels
) -> None:
    gray = np.asarray(cv2.resize(photo[..., 1], size[::-1]), np.uint8)
    expected = runner.infer(np.dstack([gray] * 3))
    np.testing.assert_array_equal(runner.infer(gray), expected)
    np.testing.assert_array_equal(runner.infer(Image.fromarray(gray)), expected)


VIEWS: dict[str, Callable[[Pixels], Pixels]] = {
    "columns reversed": lambda pixels: pixels[:, ::-1],
    "every second row and third column": lambda pixels: pixels[::2, ::3],
    "transposed": lambda pixels: pixels.transpose(1, 0, 2),
    "column by column in memory": np.asfortranarray,
    "crop": lambda pixels: pixels[7:100, 30:111],
    "channels of more": lambda pixels: np.dstack([pixels, pixels])[..., 1:4],
    "gray of color": lambda pixels: pixels[..., 2],
    "one pixel again and again": lambda pixels: np.broadcast_to(pixels[:1, :1, 0], (100, 1)),
    "of the network's size": lambda pixels: pixels[:64, :96],
    "of the network's size and gray": lambda pixels: pixels[:64, :96, 0],
}


@pytest.mark.parametrize("view", VIEWS)
def test_view_is_taken_as_its_copy(view: str, runner: DepthRunner, photo: Pixels) -> None:
    pixels = VIEWS[view](photo)
    copy = np.ascontiguousarray(pixels)
    np.testing.assert_array_equal(runner.infer(pixels), runner.infer(copy))


def test_image_is_read_and_not_written(runner: DepthRunner, photo: Pixels) -> None:
    assert not photo.flags.writeable
    own = photo.copy()
    np.testing.assert_array_equal(runner.infer(own), runner.infer(photo))
    np.testing.assert_array_equal(own, photo)


def test_shrinking_averages_and_enlarging_interpolates() -> None:
    stripes = np.tile(np.array([0, 200], np.uint8), (8, 8))
    assert (resize_pixels(stripes, (4, 8)) == 100).all()
    pair = np.array([[0, 200]], np.uint8)
    np.testing.assert_array_equal(resize_pixels(pair, (1, 4)), [[0, 50, 150, 200]])


@pytest.mark.parametrize(
    "size",
    [(1, 1), (1, 2), (64, 96), (63, 97), (32, 48), (7, 1000), (5000, 1), (2, 40000)],
)
def test_depth_has_the_size_of_the_image(size: tuple[int, int], runner: DepthRunner) -> None:
    random = np.random.default_rng(2)
    for shape in (size, (*size, 3)):
        depth_mm = runner.infer(random.integers(0, 256, shape, np.uint8))
        assert depth_mm.shape == size
        assert depth_mm.dtype == np.uint16
        assert 0 < depth_mm.min() <= depth_mm.max() <= 10_000
        assert depth_mm.flags.writeable


def test_depth_of_one_color_is_even_at_any_size(net: Path) -> None:
    """Away from the border, where the network sees padding."""
    depths = set()
    runner = DepthRunner(net, fit="stretch")
    for size in [(64, 96), (200, 300), (33, 1000)]:
        inner = runner.infer(np.full((*size, 3), 90, np.uint8))
        height, width = size
        depths |= set(np.unique(inner[height // 8 : -height // 8, width // 8 : -width // 8]))
    runner.close()
    assert len(depths) == 1


def test_model_size_gives_the_grid_of_the_network(net: Path, photo: Pixels) -> None:
    with DepthRunner(net, fit="stretch") as runner:
        grid, depth_mm = runner.infer(photo, size="model"), runner.infer(photo)
    assert grid.shape == runner.grid_size == (32, 48)
    # Enlarged it is what the image's size gives, but for the rounding.
    enlarged = cv2.resize(grid.astype(np.float32), photo.shape[1::-1])
    assert np.abs(depth_mm - enlarged).max() <= 0.51


# Of a picture whose upright form is known: how EXIF says to turn what is stored.
TURNS: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright, 2).transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("orientation", TURNS)
def test_exif_orientation_is_undone(
    orientation: int, runner: DepthRunner, photo: Pixels, tmp_path: Path
) -> None:
    path = tmp_path / "turned.jpg"
    stored = Image.fromarray(np.ascontiguousarray(TURNS[orientation](rgb(photo))))
    stored.getexif()[0x0112] = orientation
    expected = runner.infer(photo)
    np.testing.assert_array_equal(runner.infer(stored), expected)

    stored.save(path, exif=stored.getexif(), quality=98)
    for from_file in (runner.infer(path), runner.infer(Image.open(path))):
        assert from_file.shape == expected.shape
        # JPEG changes pixels a little; another orientation would change depth by meters.
        assert np.abs(from_file.astype(np.int64) - expected).max() < 100


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA", "L", "1", "CMYK", "YCbCr", "HSV", "PA"])
def test_pil_modes_are_taken_as_their_colors(mode: str, runner: DepthRunner, photo: Pixels) -> None:
    image = Image.fromarray(rgb(photo)).convert("LA" if mode == "PA" else "RGB").convert(mode)
    shown = np.asarray(image.convert("RGBA" if mode == "PA" else "RGB").convert("RGB"))
    np.testing.assert_array_equal(runner.infer(image), runner.infer(shown, channels="rgb"))


def test_transparent_colors_of_a_palette_count(runner: DepthRunner, photo: Pixels) -> None:
    image = Image.fromarray(rgb(photo)).quantize(16)
    expected = runner.infer(image)
    image.info["transparency"] = bytes([0, 128]) + b"\xff" * 14
    np.testing.assert_array_equal(runner.infer(image), expected)


@pytest.mark.parametrize("mode", ["I", "F", "I;16"])
def test_pil_image_of_more_than_8_bits_is_refused(mode: str, runner: DepthRunner) -> None:
    with pytest.raises(ImageError, match=f"8 bits a channel, got mode {mode}"):
        runner.infer(Image.new(mode, (8, 8)))


@pytest.mark.parametrize(
    "dtype", [np.float32, np.float64, np.uint16, np.int8, np.int64, np.bool_, object, np.complex64]
)
def test_other_dtype_is_refused(dtype: Any, runner: DepthRunner) -> None:
    with pytest.raises(ImageError, match=rf"Expected .*uint8.*got {np.dtype(dtype)}\b"):
        runner.infer(np.ones((8, 8, 3)).astype(dtype))


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.5])
def test_float_image_is_refused_whatever_it_holds(value: float, runner: DepthRunner) -> None:
    with pytest.raises(ImageError, match=r"uint8.*got float32"):
        runner.infer(np.full((8, 8, 3), value, np.float32))


@pytest.mark.parametrize(
    "shape",
    [(8, 8, 5), (8, 8, 2), (3, 8, 8), (24,), (1, 8, 8, 3), (), (8, 8, 0)],
    ids=str,
)
def test_other_shape_is_refused(shape: tuple[int, ...], runner: DepthRunner) -> None:
    with pytest.raises(ImageError, match=r"Expected .*\(H, W, 4\) or \(H, W\), got \("):
        runner.infer(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("shape", [(0, 8, 3), (8, 0, 3), (0, 0), (0, 8)], ids=str)
def test_image_without_pixels_is_refused(shape: tuple[int, ...], runner: DepthRunner) -> None:
    with pytest.raises(ImageError, match="with pixels, got shape"):
        runner.infer(np.zeros(shape, np.uint8))


def test_pil_image_without_pixels_is_refused(runner: DepthRunner) -> None:
    with pytest.raises(ImageError, match="with pixels"):
        runner.infer(Image.new("RGB", (0, 5)))


@pytest.mark.parametrize("thing", [None, 3, b"photo.png", [[[1, 2, 3]]], range(3)], ids=repr)
def test_what_is_no_image_is_refused(thing: Any, runner: DepthRunner) -> None:
    with pytest.raises(ImageError, match=f"Expected .*path.*PIL.*got {type(thing).__name__}"):
        runner.infer(thing)


@pytest.mark.parametrize("size", ["Image", "", None, (64, 96)])
def test_other_size_is_refused(size: Any, runner: DepthRunner, photo: Pixels) -> None:
    with pytest.raises(DepthError, match="`size` to be 'image' or 'model', got"):
        runner.infer(photo, size=size)


@pytest.mark.parametrize("channels", ["RGB", "", None, "bgra", ["bgr"]])
def test_other_channels_are_refused(channels: Any, runner: DepthRunner, photo: Pixels) -> None:
    with pytest.raises(DepthError, match="`channels` to be 'bgr' or 'rgb', got"):
        runner.infer(photo, channels=channels)


@pytest.mark.parametrize("name", ["absent.png", "", "a" * 400, "a\0b"], ids=ascii)
def test_missing_image_is_refused(name: str, runner: DepthRunner, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"no image file|File name too long"):
        runner.infer(tmp_path / name)


def test_folder_is_no_image(runner: DepthRunner, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no image file"):
        runner.infer(str(tmp_path))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff", ".bmp"])
@pytest.mark.parametrize("part", [0.01, 0.5, 0.95])
def test_image_cut_short_is_refused(
    suffix: str, part: float, runner: DepthRunner, photo: Pixels, tmp_path: Path
) -> None:
    content = cv2.imencode(suffix, photo)[1].tobytes()
    path = tmp_path / f"photo{suffix}"
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(ImageError, match="damaged"):
        runner.infer(path)
    path.write_bytes(content)
    assert runner.infer(path).shape == photo.shape[:2]


def test_jpeg_with_a_preview_is_whole_only_with_its_own_end(
    runner: DepthRunner, photo: Pixels, tmp_path: Path
) -> None:
    """The preview inside its header has an end too."""
    content = cv2.imencode(".jpg", photo)[1].tobytes()
    preview = cv2.imencode(".jpg", photo[::8, ::8])[1].tobytes()
    assert preview.endswith(b"\xff\xd9")
    header = b"\xff\xec" + (2 + len(preview)).to_bytes(2, "big") + preview
    whole = content[:2] + header + content[2:]
    path = tmp_path / "photo.jpg"
    path.write_bytes(whole + b"trailer of the camera")
    assert runner.infer(path).shape == photo.shape[:2]
    path.write_bytes(whole[:-2])
    with pytest.raises(ImageError, match="damaged"):
        runner.infer(path)


@pytest.mark.parametrize("length", [0, 7, 3000, 2**31 - 1, 2**32 - 1])
def test_png_whose_chunks_lead_nowhere_is_refused(
    length: int, runner: DepthRunner, png: Path, tmp_path: Path
) -> None:
    """OpenCV 4.11 would read such a one for ever."""
    content = bytearray(png.read_bytes())
    at = content.index(b"IDAT") - 4
    content[at : at + 4] = length.to_bytes(4, "big")
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match="damaged"):
        runner.infer(path)


def test_damage_that_pil_finds_late_is_an_image_error(
    runner: DepthRunner, png: Path, tmp_path: Path
) -> None:
    path = tmp_path / "cut.png"
    path.write_bytes(png.read_bytes()[:-200])
    with Image.open(path) as image, pytest.raises(ImageError, match=r"PIL image.*truncated"):
        runner.infer(image)


def test_closed_pil_image_is_refused(runner: DepthRunner, png: Path) -> None:
    image = Image.open(png)
    image.close()
    with pytest.raises(ImageError, match=r"PIL image.*closed"):
        runner.infer(image)


@pytest.mark.parametrize("content", [b"", b"no image at all", b"\xff\xd8", b"\x89PNG\r\n\x1a\n"])
def test_file_that_is_no_image_is_refused(
    content: bytes, runner: DepthRunner, tmp_path: Path
) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"Cannot read .*photo\.png"):
        runner.infer(path)


def test_image_file_of_16_bits_is_refused(runner: DepthRunner, tmp_path: Path) -> None:
    """It may well be a depth map; 8 of its bits would be noise."""
    path = tmp_path / "deep.png"
    cv2.imwrite(str(path), np.full((8, 8), 3000, np.uint16))
    with pytest.raises(ImageError, match=r"uint8.*got uint16"):
        runner.infer(path)


def test_runner_goes_on_after_a_bad_image(runner: DepthRunner, photo: Pixels) -> None:
    before = runner.infer(photo)
    with pytest.raises(ImageError) as kept:
        runner.infer(photo.astype(np.float32))
    np.testing.assert_array_equal(runner.infer(photo), before)
    assert kept.value


# An orientation beside a tag whose type is not its value's: Pillow's own writer fails on it.
DAMAGED_EXIF = bytes.fromhex(
    "4578696600004d4d002a000000080002013d000200000015000000260112000300000001000600000000"
    "0000f1786f781b7878787878787878787878787878d80000"
)


def test_pil_image_with_damaged_exif_is_one_error_or_an_image(
    runner: DepthRunner, photo: Pixels
) -> None:
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "JPEG", exif=DAMAGED_EXIF)
    with Image.open(buffer) as image, contextlib.suppress(ImageError):
        runner.infer(image)
