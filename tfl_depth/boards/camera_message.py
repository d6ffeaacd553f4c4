"""A camera as JSON, which a board's runner gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tfl_depth.camera import Camera, DepthCalibration, Distortion, FieldOfView
from tfl_depth.intrinsics import Intrinsics


def camera_json(camera: Camera | FieldOfView | None) -> dict[str, Any] | None:
    """The values of a camera; None without one."""
    return None if camera is None else asdict(camera)


def json_camera(found: Mapping[str, Any] | None) -> Camera | FieldOfView | None:
    """The camera of `camera_json`.

    Raises:
        CameraError: its values are those of no camera.
    """
    if found is None:
        return None
    if "degrees" in found:
        return FieldOfView(found["degrees"])
    lens, distortion, depth = (found[name] for name in ("intrinsics", "distortion", "depth"))
    return Camera(
        found["width"],
        found["height"],
        lens and Intrinsics(**lens),
        distortion and Distortion(distortion["lens"], tuple(distortion["coefficients"])),
        depth and DepthCalibration(**depth),
    )
