"""What the page is given of one picture: some JSON, the depth itself, and a JPEG of the photo."""

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
from tfl_depth.tools.lib import cli_common

Camera = Callable[[tuple[int, ...]], Intrinsics]
# (H, W, 3) uint8 BGR -> (H, W) millimeters.
Reference = Callable[[Pixels], DepthMm]
# Longer sides of a photo are shrunk to this for the screen; depth is not.
SHOWN_SIDE = 1600
THUMBNAIL_SIDE = 96
JPEG_QUALITY = 90
# Typed arrays of JavaScript begin at multiples of their items.
ALIGNMENT = 4


class Pictures:
    """Computes pictures for the page; safe to share between threads."""

    def __init__(
        self, runner: DepthRunner, reference: Reference | None = None, camera: Camera | None = None
    ) -> None:
        """Compute with a runner.

        Args:
            runner: the model that is looked at.
            reference: the depth to compare with.
            camera: intrinsics from an image's (height, width), for the point cloud.
        """
        self._runner, self._reference, self._camera = runner, reference, camera

    def of_photo(self, bgr: Pixels) -> bytes:
        """Depth of a photo, packed for the page.

        Raises:
            DepthError: the interpreter fails, or returns garbage.
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
        """A frame of a stream, of which `dropped` frames were dropped, packed for the page.

        Args:
            frame: of the stream.
            dropped: the number of frames that were dropped before it.
            place: further facts: where the frame is in its video.
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
    """The length of some JSON, the JSON, which gets the sizes of `parts`, and these, all aligned.

    The browser reads it without a copy and without decoding: a PNG of 16 bits is cut to 8 there.
    """
    text = json.dumps({**facts, "parts": [len(part) for part in parts]}).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    padded = [part + bytes(-len(part) % ALIGNMENT) for part in parts]
    return b"".join([struct.pack("<I", len(text)), text, *padded])


def difference(depth_mm: DepthMm, reference_mm: DepthMm) -> dict[str, float] | None:
    """How far the depths lie apart where both are there; None where that is nowhere."""
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
    """The depth of a .tflite or a .keras model, to compare with.

    Args:
        model: the file.
        shown: the runner beside it, whose fit and correction of depth hold for the reference too.
        public_key: of whom a .tflite must be signed by; a .keras file is never signed.

    Raises:
        DepthError: it cannot be opened.
    """
    if model.suffix != ".keras":
        with DepthRunner(model, public_key=public_key, fit=shown.fit) as runner:
            yield lambda bgr: _corrected(runner.infer(bgr) / 1000, shown)
        return
    cli_common.expect_no_key(model, public_key)
    cli_common.expect_model(model)  # before Keras is loaded, which takes seconds
    with quiet():
        from tfl_depth.evaluation.evaluate import keras_predictor
    from tfl_depth.models import load_model

    predict = keras_predictor(load_model(model), shown.fit)
    lock = threading.Lock()  # Keras builds its function at the first call

    def reference(bgr: Pixels) -> DepthMm:
        with lock:
            depth_m = predict(np.ascontiguousarray(bgr[..., ::-1]))
        return _corrected(np.nan_to_num(np.maximum(depth_m, 0)), shown)

    yield reference


def _corrected(depth_m: npt.NDArray[np.floating], shown: DepthRunner) -> DepthMm:
    """Millimeters of depth (H, W) in meters, corrected as the runner's; 0 stays 0."""
    height, width = depth_m.shape
    corrected_mm = shown.correction((height, width)).millimeters(depth_m)
    return np.asarray(np.where(depth_m > 0, corrected_mm, 0), np.uint32)
