"""The camera that a network was trained for, and whether its depth follows the focal length."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tfl_depth.converters.photo_inputs import Pixels
from tfl_depth.errors import ConversionError
from tfl_depth.evaluation.zooms import measure_zooms
from tfl_depth.format.contract_parts import TrainedCamera
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.runtime.fit import Fit, fit_frame

# What `tfl-depth train` writes beside a network.
METRICS_FILE = "metrics.json"
# Intrinsics in pixels of the network's input of (height, width).
InputCamera = Intrinsics | Callable[[tuple[int, int]], Intrinsics]


def input_camera(
    network: Path | None,
    fit: Fit,
    *,
    intrinsics: Intrinsics | tuple[Intrinsics, tuple[int, int] | None] | None = None,
    fov: float | None = None,
) -> InputCamera | None:
    """The camera in pixels of the network's input, or None where nothing says it.

    Args:
        network: its file; None for a network in memory.
        fit: of the photos.
        intrinsics: of the camera in pixels of the network's input, or beside them the (height,
            width) of the training pictures that they are of.
        fov: the horizontal field of view of the network's input in degrees.

    Raises:
        ConversionError: both are given, or the file of `camera_beside` is not valid.
    """
    if fov is not None and intrinsics is not None:
        raise ConversionError("Expected either intrinsics or a field of view, got both.")
    if fov is not None:
        return partial(Intrinsics.from_field_of_view, fov)
    if intrinsics is None:
        return None if network is None else camera_beside(network)
    if isinstance(intrinsics, Intrinsics):
        return intrinsics
    camera, size = intrinsics
    if size is None:
        return camera
    return lambda input_size: fit_frame(size, input_size, fit).intrinsics(camera)


def camera_beside(network: Path) -> InputCamera | None:
    """The camera in the metrics.json of a network's folder, or None without one.

    Raises:
        ConversionError: the file is there and not as `tfl-depth train` writes it.
    """
    file = network.parent / METRICS_FILE
    if not network.is_file() or not file.is_file():
        return None
    try:
        document = json.loads(file.read_bytes())
        noted = document.get("camera")
        if noted is None:
            return None
        camera = Intrinsics(*(float(noted[name]) for name in ("fx", "fy", "cx", "cy")))
        size = (int(noted["height"]), int(noted["width"]))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConversionError(
            f"Cannot read the camera in {file} ({error!r}): repair the file, or move the network "
            "to another folder."
        ) from error
    return lambda other: camera.at_size(size, other)


def contract_camera(
    camera: InputCamera | None,
    size: tuple[int, int],
    depth: Callable[[Pixels], Any],
    photos: Sequence[Pixels],
) -> TrainedCamera | None:
    """What the contract says of the camera.

    Args:
        camera: as it was given; None: unknown.
        size: (height, width) of the input.
        depth: the network's, of pixels of the input's size.
        photos: of that size, to measure how depth follows the focal length.

    Raises:
        ConversionError: focal lengths that are not above 0, or values that are not finite.
    """
    if camera is None:
        return None
    known = camera if isinstance(camera, Intrinsics) else camera(size)
    values = (known.fx, known.fy, known.cx, known.cy)
    if not (np.isfinite(values).all() and min(known.fx, known.fy) > 0):
        raise ConversionError(
            f"Expected finite intrinsics with focal lengths above 0, got {known}: correct "
            "--intrinsics."
        )
    fx, fy, cx, cy = (round(value, 4) for value in values)
    return TrainedCamera(fx, fy, cx, cy, measure_zooms(depth, photos))
