"""What a stream gives: a frame and its depth."""

from __future__ import annotations

from dataclasses import dataclass

from tfl_depth.encoding import DepthMm
from tfl_depth.runtime.depth_map import depth_png, depth_text
from tfl_depth.runtime.preprocess import Channels, Pixels


@dataclass(frozen=True, repr=False)
class StreamFrame:
    """A frame and its depth.

    Attributes:
        number: of the frame in its source, from 0. A gap means dropped frames.
        pixels: (H, W, 3) or (H, W) uint8, the source's own array; with `undistort` without
            distortion.
        channels: the order in `pixels`.
        depth_mm: (H, W) of the runner's `depth_dtype`: millimeters, 0 = no depth.
        disagreement: as in `Measurement`.
        latency_s: seconds from the frame's arrival to its depth.
        fallback: as in `Measurement`.
        time_s: seconds from a video file's first frame, by the file's time stamps; None for other
            sources.
    """

    number: int
    pixels: Pixels
    channels: Channels
    depth_mm: DepthMm
    disagreement: float | None
    latency_s: float
    fallback: str | None = None
    time_s: float | None = None

    def __repr__(self) -> str:
        late_ms = 1000 * self.latency_s
        return f"<StreamFrame {self.number}: {depth_text(self.depth_mm)}, {late_ms:.0f} ms late>"

    def _repr_png_(self) -> bytes:
        """The picture that a notebook shows."""
        return depth_png(self.depth_mm)
