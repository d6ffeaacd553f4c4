"""The outputs of `tfl-depth infer`: depth maps, pictures, point clouds and videos."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.encoding import DepthMm
from tfl_depth.errors import ImageError
from tfl_depth.files import whole_file, write_whole
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.plain_path import plain_path
from tfl_depth.png import png_content
from tfl_depth.point_cloud import ply
from tfl_depth.runtime.colorize import colorize, depth_percentiles

Picture = npt.NDArray[np.uint8]

OutputKind = Literal["depth", "color", "npy", "ply", "video"]
# The end of the file name of each kind, after the input's name.
SUFFIXES: dict[OutputKind, str] = {
    "depth": "_depth.png",
    "color": "_color.png",
    "npy": "_depth.npy",
    "ply": "_points.ply",
    "video": "_depth.mp4",
}
# Longest pause between two frames of a video.
LONGEST_PAUSE_S = 10.0
# OpenCV does not report the reason.
NOT_WRITTEN = "the disk is full, or this OpenCV writes no MPEG-4 (opencv-python does)"


@dataclass(frozen=True)
class Outputs:
    """Writes the files of a depth map.

    Attributes:
        kinds: keys of `SUFFIXES`.
        folder: of the files.
        camera: returns the intrinsics for an image's (height, width), for the point cloud.
        voxel_m: voxel size of the point cloud, as for `ply`.
        colorized: returns a picture of a depth map with a legend in meters.
    """

    kinds: tuple[OutputKind, ...]
    folder: Path
    camera: Callable[[tuple[int, ...]], Intrinsics] | None = None
    voxel_m: float | None = None
    colorized: Callable[[DepthMm], Picture] = colorize

    def files(self, stem: str, dtype: np.dtype[Any]) -> list[Path]:
        """The files that `write` writes for depth of this dtype."""
        return [self._file(kind, stem, dtype) for kind in self.kinds]

    def write(self, stem: str, depth_mm: DepthMm, bgr: Picture | None) -> None:
        """Write every kind except a video. Each file is whole. A point cloud needs `bgr`."""
        for kind in self.kinds:
            file = self._file(kind, stem, depth_mm.dtype)
            # Without a variable, so that the content is freed before the next one is made.
            write_whole(file, self._content(kind, depth_mm, bgr))

    def _file(self, kind: OutputKind, stem: str, dtype: np.dtype[Any]) -> Path:
        if kind == "depth" and dtype != np.uint16:  # a PNG has at most 16 bits
            kind = "npy"
        return self.folder / f"{stem}{SUFFIXES[kind]}"

    def _content(
        self, kind: OutputKind, depth_mm: DepthMm, bgr: Picture | None
    ) -> bytes | memoryview:
        if kind == "color":
            return png_content(self.colorized(depth_mm))
        if kind == "ply":
            assert self.camera is not None and bgr is not None  # noqa: S101 - asked for together
            return ply(depth_mm, bgr, self.camera(depth_mm.shape), voxel_m=self.voxel_m)
        if kind == "depth" and depth_mm.dtype == np.uint16:
            return png_content(depth_mm)
        return npy(depth_mm)


def npy(depth_mm: DepthMm) -> bytes:
    """The content of an .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, depth_mm)
    return buffer.getvalue()


@contextmanager
def video_writer(path: Path, frames_per_second: float) -> Iterator[Callable[[Picture], None]]:
    """Write a video. The file appears only when it is complete.

    Raises:
        ImageError: frames differ in size.
        OutputError: the disk is full, or this OpenCV writes no MPEG-4.
    """
    with whole_file(path) as partial, plain_path(partial) as name:
        video = _Mpeg4(name, frames_per_second)
        try:
            yield video.write
        finally:
            video.close()
        video.expect_whole()


class Pace:
    """Counts repetitions of frames, so that each frame is shown at its time.

    A video is written at a constant rate. The rate of its source may vary. No frame is dropped: if
    frames are faster than the rate, they are late until they are slower again.
    """

    def __init__(self, frames_per_second: float) -> None:
        self._rate = frames_per_second
        self._written, self._skipped_s = 0, 0.0

    def repeats(self, time_s: float | None) -> int:
        """The number of repetitions of the previous frame before the next frame.

        Args:
            time_s: seconds from the first frame; None if unknown.
        """
        waiting = self._waiting(time_s or 0.0)
        if waiting > LONGEST_PAUSE_S * self._rate:  # the source's clock has jumped
            self._skipped_s += waiting / self._rate
            waiting = 0
        self._written += waiting + 1
        return waiting

    def _waiting(self, time_s: float) -> int:
        return max(0, round((time_s - self._skipped_s) * self._rate) - self._written)


class _Mpeg4:
    """A video that is opened with its first frame, since the size is unknown before."""

    def __init__(self, file: str, frames_per_second: float) -> None:
        self.file, self._frames_per_second = file, frames_per_second
        self._writer: cv2.VideoWriter | None = None
        self._written = 0
        self._size: Sequence[int] = ()

    def write(self, frame: Picture) -> None:
        height, width = frame.shape[:2]
        if self._writer is None:
            # MPEG-4 stores the colors of 2 x 2 pixels.
            self._size = (width + width % 2, height + height % 2)
            self._writer = cv2.VideoWriter(
                self.file, cv2.VideoWriter.fourcc(*"mp4v"), self._frames_per_second, self._size
            )
        if not self._writer.isOpened():
            raise OSError(NOT_WRITTEN)
        right, below = self._size[0] - width, self._size[1] - height
        if not (0 <= right < 2 and 0 <= below < 2):
            raise ImageError(f"Expected frames of one size, got another: {width}x{height}.")
        self._writer.write(cv2.copyMakeBorder(frame, 0, below, 0, right, cv2.BORDER_REPLICATE))
        self._written += 1

    def close(self) -> None:
        if self._writer is not None:
            self._writer.release()

    def expect_whole(self) -> None:
        """Count the frames in the file, since OpenCV does not report a failed write."""
        capture = cv2.VideoCapture(self.file)
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        capture.release()
        if count < max(1, self._written):
            raise OSError(NOT_WRITTEN)


def summary(depth_mm: DepthMm) -> dict[str, Any]:
    """Size, range and missing share of a depth map for JSON. The range is None without depth."""
    height, width = depth_mm.shape
    present = int(np.count_nonzero(depth_mm))
    found = depth_percentiles(depth_mm, (0, 50, 100))
    low, middle, high = (None, None, None) if found is None else found
    return {
        "width": width,
        "height": height,
        "near_mm": low,
        "median_mm": middle,
        "far_mm": high,
        "share_without_depth": 1 - present / depth_mm.size,
    }


def describe(depth_mm: DepthMm) -> str:
    """One line about a depth map."""
    found = summary(depth_mm)
    size = f"{found['width']}x{found['height']}"
    if found["near_mm"] is None:
        return f"{size}, no depth"
    low, middle, high = (found[name] / 1000 for name in ("near_mm", "median_mm", "far_mm"))
    return (
        f"{size}, {low:.2f} to {high:.2f} m, median {middle:.2f} m, "
        f"{found['share_without_depth']:.1%} without depth"
    )
