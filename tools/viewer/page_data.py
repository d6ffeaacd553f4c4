"""The page's data for one picture: JSON, depth, and a JPEG of the photo."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.depth_difference import DepthDifference
from tfl_depth.encoding import DepthMm
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.quiet import quiet
from tfl_depth.runtime import DepthRunner, StreamFrame
from tfl_depth.runtime.colorize import depth_limits
from tfl_depth.runtime.preprocess import Pixels
from tfl_depth.tools.lib import model_options

Camera = Callable[[tuple[int, ...]], Intrinsics]
# (H, W, 3) uint8 BGR -> (H, W) millimeters.
Reference = Callable[[Pixels], DepthMm]
# Largest side of a photo on the page, in pixels. Depth keeps its size.
SHOWN_SIDE = 1600
THUMBNAIL_SIDE = 96
JPEG_QUALITY = 90
# Typed arrays of JavaScript begin at multiples of their items.
ALIGNMENT = 4


class Pictures:
    """Computes pictures for the page. Threads may share it."""

    def __init__(
        self, runner: DepthRunner, reference: Reference | None = None, camera: Camera | None = None
    ) -> None:
        """Keep the models.

        Args:
            runner: the model.
            reference: returns the depth to compare with.
            camera: returns the intrinsics for an image's (height, width), for the point cloud.
        """
        self._runner, self._reference, self._camera = runner, reference, camera

    def of_photo(self, bgr: Pixels) -> bytes:
        """The packed depth of a photo.

        Raises:
            DepthError: the interpreter fails, or its outputs are wrong.
        """
        measured = self._runner.measure(bgr)
        bgr = self._runner.undistorted(bgr)
        facts = {
            "disagreement": measured.disagreement,
            "seconds": measured.prepare_s + measured.invoke_s + measured.postprocess_s,
            "fallback": measured.fallback,
        }
        return self._packed(bgr, measured.depth_mm, facts)

    def of_frame(
        self, frame: StreamFrame, dropped: int, place: dict[str, float | None] | None = None
    ) -> bytes:
        """The packed data of a stream's frame.

        Args:
            frame: of the stream.
            dropped: the number of frames that were dropped before it.
            place: the frame's time in its video.
        """
        facts = {
            "disagreement": frame.disagreement,
            "latency_s": frame.latency_s,
            "number": frame.number,
            "dropped": dropped,
            "fallback": frame.fallback,
            **(place or {}),
        }
        return self._packed(frame.pixels, frame.depth_mm, facts)

    def _packed(self, bgr: Pixels, depth_mm: DepthMm, facts: dict[str, Any]) -> bytes:
        maps = [depth_mm]
        if self._reference is not None:
            reference_mm = self._reference(bgr)
            facts["difference"] = difference(depth_mm, reference_mm)
            most = np.iinfo(depth_mm.dtype).max
            maps.append(np.minimum(reference_mm, most).astype(depth_mm.dtype))
        height, width = depth_mm.shape
        near_mm, far_mm = depth_limits(depth_mm)
        facts |= {
            "width": width,
            "height": height,
            "dtype": str(depth_mm.dtype),
            "limits_mm": [near_mm, far_mm],
            "camera": None if self._camera is None else vars(self._camera((height, width))),
        }
        return pack(facts, [*(each.tobytes() for each in maps), _jpeg(bgr)])


def pack(facts: dict[str, Any], parts: list[bytes]) -> bytes:
    """Join the length of the JSON, the JSON with the sizes of `parts`, and the aligned parts.

    The browser reads depth without decoding it. It would reduce a PNG of 16 bits to 8 bits.
    """
    text = json.dumps({**facts, "parts": [len(part) for part in parts]}).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    padded = [part + bytes(-len(part) % ALIGNMENT) for part in parts]
    return b"".join([struct.pack("<I", len(text)), text, *padded])


def difference(depth_mm: DepthMm, reference_mm: DepthMm) -> dict[str, float] | None:
    """The difference of two depth maps where both have depth; None if they nowhere do."""
    both = (depth_mm > 0) & (reference_mm > 0)
    if not both.any():
        return None
    return asdict(DepthDifference.between(depth_mm[both], reference_mm[both]))


def thumbnail(bgr: Pixels) -> bytes:
    """A small JPEG of a photo."""
    return _jpeg(bgr, THUMBNAIL_SIDE)


def _jpeg(bgr: Pixels, longer_side: int = SHOWN_SIDE) -> bytes:
    shown: npt.ArrayLike = bgr
    shrink = longer_side / max(bgr.shape[:2])
    if shrink < 1:
        height, width = (max(1, round(shrink * side)) for side in bgr.shape[:2])
        shown = cv2.resize(bgr, (width, height), interpolation=cv2.INTER_AREA)
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return cv2.imencode(".jpg", np.asarray(shown), quality)[1].tobytes()


@contextmanager
def open_reference(
    model: Path, shown: DepthRunner, public_key: Path | None = None
) -> Iterator[Reference]:
    """The depth of a .tflite or .keras model, for the comparison.

    Args:
        model: the file.
        shown: the other model's runner. Its fit and correction of depth are used here too.
        public_key: of the required signature of a .tflite; a .keras file is never signed.

    Raises:
        DepthError: the model cannot be opened.
    """
    if model.suffix != ".keras":
        with DepthRunner(model, public_key=public_key, fit=shown.fit) as runner:
            yield lambda bgr: _corrected(runner.infer(bgr) / 1000, shown)
        return
    model_options.expect_no_key(model, public_key)
    model_options.expect_model(model)  # before Keras is loaded, which takes seconds
    with quiet():
        from tfl_depth.evaluation.evaluate import keras_predictor
    from tfl_depth.models import load_model

    predict = keras_predictor(load_model(model), shown.fit)
    lock = threading.Lock()  # Keras builds its function in the first call

    def reference(bgr: Pixels) -> DepthMm:
        with lock:
            depth_m = predict(np.ascontiguousarray(bgr[..., ::-1]))
        return _corrected(np.nan_to_num(np.maximum(depth_m, 0)), shown)

    yield reference


def _corrected(depth_m: npt.NDArray[np.floating], shown: DepthRunner) -> DepthMm:
    """Depth (H, W) in millimeters from meters, with the runner's correction; 0 stays 0."""
    height, width = depth_m.shape
    corrected_mm = shown.correction((height, width)).millimeters(depth_m)
    return np.asarray(np.where(depth_m > 0, corrected_mm, 0), np.uint32)
