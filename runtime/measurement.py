"""What `DepthRunner.measure` returns."""

from __future__ import annotations

from dataclasses import dataclass

from tfl_depth.encoding import DepthMm
from tfl_depth.runtime.depth_map import depth_png, depth_text


@dataclass(frozen=True, repr=False)
class Measurement:
    """The depth of one image, with the self-check's result and the times.

    Attributes:
        depth_mm: (H, W) of the runner's `depth_dtype`: millimeters, 0 = no depth.
        disagreement: share of the network's pixels, 0 to 1, whose two codes contradict each other.
            These pixels have no depth. None for a model without two codes.
        prepare_s: seconds from pixels to the network's input.
        invoke_s: seconds of the interpreter.
        postprocess_s: seconds from its outputs to depth; with `isolate`, the messages between the
            processes too.
        fallback: what the CPU ran although a delegate was requested, and why; None if nothing.
    """

    depth_mm: DepthMm
    disagreement: float | None
    prepare_s: float
    invoke_s: float
    postprocess_s: float
    fallback: str | None = None

    def __repr__(self) -> str:
        total_ms = 1000 * (self.prepare_s + self.invoke_s + self.postprocess_s)
        return f"<Measurement {depth_text(self.depth_mm)}, in {total_ms:.1f} ms>"

    def _repr_png_(self) -> bytes:
        """The picture that a notebook shows."""
        return depth_png(self.depth_mm)
