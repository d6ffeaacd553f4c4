"""The steadiness of depth in a video of a static scene by a static camera."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfl_depth.errors import DatasetError

__all__ = ["SENSOR_NOISE", "Steadiness", "TemporalDeviation", "steadiness", "still_video"]

# A deviation needs two values.
FEWEST_FRAMES = 2
# Standard deviation of each color of each pixel, of 255: a small sensor in a dim room.
SENSOR_NOISE = 4.0


@dataclass(frozen=True)
class Steadiness:
    """Temporal deviation of the pixels: the standard deviation of each over the frames.

    Attributes:
        median_mm: of the pixels, millimeters.
        p95_mm: the same, 95th percentile.
        pixels: how many have depth in at least two frames; others do not count.
        frames: of the video.
    """

    median_mm: float
    p95_mm: float
    pixels: int
    frames: int


class TemporalDeviation:
    """The standard deviation of each pixel over frames, added one by one (Welford 1962)."""

    def __init__(self) -> None:
        self.frames = 0
        self._count: npt.NDArray[np.float64] = np.zeros(())
        self._mean, self._squares = self._count, self._count

    def add(self, values: npt.NDArray[np.number]) -> None:
        """Add a frame.

        Args:
            values: (H, W), of one size in all frames; a 0 does not count.

        Raises:
            DatasetError: the frame is of another size.
        """
        if not self.frames:
            self._count, self._mean, self._squares = np.zeros((3, *values.shape))
        elif values.shape != self._mean.shape:
            raise DatasetError(
                f"Expected frames of one size, {self._mean.shape}, got one of {values.shape}."
            )
        self.frames += 1
        present = values > 0
        self._count += present
        step = np.where(present, values - self._mean, 0)
        self._mean += step / np.maximum(self._count, 1)
        self._squares += step * np.where(present, values - self._mean, 0)

    def of_pixels(self) -> npt.NDArray[np.float64]:
        """The deviation (pixels,) of the pixels with depth in two or more frames, by n - 1."""
        enough = self._count >= FEWEST_FRAMES
        return np.sqrt(self._squares[enough] / (self._count[enough] - 1))


def steadiness(frames_mm: Iterable[npt.NDArray[np.number]]) -> Steadiness:
    """Measure the steadiness of depth.

    Args:
        frames_mm: depth (H, W) of each frame in millimeters, 0 = no depth.

    Raises:
        DatasetError: no pixel has depth in two frames.
    """
    deviation = TemporalDeviation()
    for depth_mm in frames_mm:
        deviation.add(depth_mm)
    of_pixels = deviation.of_pixels()
    if not of_pixels.size:
        raise DatasetError(
            f"Expected a video with depth in two frames or more, got {deviation.frames} frames."
        )
    median_mm, p95_mm = np.percentile(of_pixels, (50, 95))
    return Steadiness(float(median_mm), float(p95_mm), of_pixels.size, deviation.frames)


def still_video(photo: npt.NDArray[np.uint8], frames: int) -> Iterator[npt.NDArray[np.uint8]]:
    """A photo as a video of a still scene, with the noise of a sensor (`SENSOR_NOISE`).

    Args:
        photo: (H, W, 3).
        frames: how many.

    Yields:
        Frames (H, W, 3), each with noise of its own; the same frames in every call.
    """
    rng = np.random.default_rng(0)
    for _ in range(frames):
        noise = rng.standard_normal(photo.shape, np.float32) * np.float32(SENSOR_NOISE)
        yield np.clip(np.rint(photo + noise), 0, 255).astype(np.uint8)
