"""The images for calibration, and other images for verification."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tfl_depth.errors import ConversionError, ImageError
from tfl_depth.listing import files_below, read_lines
from tfl_depth.runtime.fit import DEFAULT_FIT, Fit, fit_photo
from tfl_depth.runtime.preprocess import IMAGE_SUFFIXES, read_image

VERIFICATION_IMAGES = 16
# Share of a small set that is kept for verification.
VERIFICATION_SHARE = 0.2


@dataclass(frozen=True, repr=False)
class ImageSplit:
    """Images for calibration and for verification. No image is in both.

    Attributes:
        calibration, verification: paths.
        seed: of the random choice.
    """

    calibration: tuple[Path, ...]
    verification: tuple[Path, ...]
    seed: int

    def __repr__(self) -> str:
        counts = f"{len(self.calibration)} to calibrate, {len(self.verification)} to verify"
        return f"<ImageSplit {counts}, seed {self.seed}>"

    def sha256(self) -> str:
        """Digest of the calibration images: of their sorted digests, one hexadecimal line each."""
        digests = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in self.calibration)
        return hashlib.sha256("".join(f"{line}\n" for line in digests).encode()).hexdigest()


def find_images(source: str) -> list[Path]:
    """List the images of a folder (with its subfolders), a glob pattern, or a list file.

    A list file has one path a line, absolute or relative to the file. An image with two names or
    links counts once, so that no image is used for both calibration and verification.

    Raises:
        ConversionError: there is no image.
    """
    path = Path(source)
    if path.is_dir():
        found = files_below(path, IMAGE_SUFFIXES)
    elif path.is_file():
        found = _listed(path)
    else:
        found = [Path(p) for p in glob.glob(source, recursive=True) if Path(p).is_file()]  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not found:
        raise ConversionError(
            f"Expected a folder, a glob or a list file of images, found no image at {source}."
        )
    return sorted({path.resolve() for path in found})


def _listed(path: Path) -> list[Path]:
    if path.suffix.lower() in IMAGE_SUFFIXES:
        raise ConversionError(
            f"Expected a folder, a glob or a list file of images, got the one image {path}."
        )
    try:
        images = [path.parent / line for line in read_lines(path)]
    except OSError as error:
        raise ConversionError(f"Cannot read {path} as a list of images: {error}.") from error
    for image in images:
        if not image.is_file():
            raise ConversionError(f"The list {path} names {image}, which does not exist.")
    return images


def split_images(paths: Sequence[Path], *, samples: int = 100, seed: int = 0) -> ImageSplit:
    """Choose `samples` images at random for calibration, and others for verification.

    If there are too few images, a fifth of them (1 to 16) is for verification and the rest for
    calibration.

    Raises:
        ConversionError: fewer than two images, or `samples` below 1.
    """
    if samples < 1:
        raise ConversionError(f"Expected at least 1 image for calibration, got {samples}.")
    if len(paths) < 2:
        raise ConversionError(
            f"Expected at least 2 images, for calibration and verification, got {len(paths)}."
        )
    order = np.random.default_rng(seed).permutation(len(paths))
    kept = min(VERIFICATION_IMAGES, max(1, round(VERIFICATION_SHARE * len(paths))))
    kept = max(kept, min(VERIFICATION_IMAGES, len(paths) - samples))
    shuffled = [paths[i] for i in order]
    return ImageSplit(tuple(shuffled[kept : kept + samples]), tuple(shuffled[:kept]), seed)


def read_pixels(path: Path, size: tuple[int, int], fit: Fit = DEFAULT_FIT) -> npt.NDArray[np.uint8]:
    """Read an image at the network's size: (height, width, 3) uint8 RGB.

    Raises:
        ConversionError: the image is unreadable, or has more than 8 bits, as depth maps do.
    """
    try:
        image = read_image(path)
    except ImageError as error:
        raise ConversionError(f"The image cannot calibrate or verify: {error}") from error
    return fit_photo(np.ascontiguousarray(image[..., ::-1]), size, fit)


def read_calibration(
    split: ImageSplit, size: tuple[int, int], fit: Fit = DEFAULT_FIT
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the calibration images. Check the range of their pixels at the end.

    Raises:
        ConversionError: as `read_pixels`, or no pixel of any image is above 1.
    """
    brightest = 0
    for path in split.calibration:
        pixels = read_pixels(path, size, fit)
        brightest = max(brightest, int(pixels.max()))
        yield pixels
    if brightest <= 1:
        raise ConversionError(
            f"Expected pixels from 0 to 255. The brightest pixel of all {len(split.calibration)} "
            f"images is {brightest}: they seem to be values of 0 to 1 that were saved as bytes."
        )
