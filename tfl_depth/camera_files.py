"""Camera files: the YAML of OpenCV, ROS and Kalibr, and the entry of `tfl-depth calibrate`.

- OpenCV (`cv::FileStorage`, also XML): image_width, image_height, camera_matrix,
  distortion_coefficients, fisheye_model.
- ROS (camera_calibration): the same names, with distortion_model: plumb_bob, rational_polynomial or
  equidistant.
- Kalibr (camchain.yaml): cam0: camera_model, intrinsics, resolution, distortion_model: radtan,
  equidistant or none, distortion_coeffs.

A file of `tfl-depth calibrate` is a file of ROS with the additional entry tfl_depth.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import cv2

from tfl_depth.camera import Camera, DepthCalibration, Distortion
from tfl_depth.errors import CameraError
from tfl_depth.files import write_whole
from tfl_depth.intrinsics import Intrinsics

__all__ = ["camera_text", "read_camera", "write_camera"]

MAX_BYTES = 2**20
_FISHEYE = ("equidistant", "fisheye")
_PINHOLE = ("plumb_bob", "rational_polynomial", "radtan", "thin_prism", "")
_NO_LENS = ("none",)


def read_camera(path: Path, name: str | None = None) -> Camera:
    """Read a camera's calibration.

    Args:
        path: of a YAML, XML or JSON file of OpenCV, ROS or Kalibr.
        name: of one of Kalibr's cameras, such as cam0; None if the file has only one.

    Raises:
        CameraError: the file is missing, has another format, or is not of a pinhole camera.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CameraError(f"Expected {path} to be a camera's calibration, got a large file.")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CameraError(f"Cannot read the camera in {path}: {error}.") from error
    try:
        return _camera(_document(text), name)
    except (CameraError, KeyError, TypeError, ValueError, IndexError) as error:
        said = f"no {error}" if isinstance(error, KeyError) else f"{error}"
        raise CameraError(
            f"Expected {path} to hold a camera as OpenCV, ROS or Kalibr write it: {said}"
        ) from error


def write_camera(path: Path, camera: Camera) -> None:
    """Write a camera, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    write_whole(path, camera_text(camera).encode())


def camera_text(camera: Camera) -> str:
    """A camera as the YAML of ROS, which `read_camera` reads."""
    lines = [f"image_width: {camera.width}", f"image_height: {camera.height}"]
    lens, distortion, depth = camera.intrinsics, camera.distortion, camera.depth
    if lens is not None:
        matrix = (lens.fx, 0.0, lens.cx, 0.0, lens.fy, lens.cy, 0.0, 0.0, 1.0)
        lines += ["camera_matrix:", "  rows: 3", "  cols: 3", f"  data: {_listed(matrix)}"]
    if distortion is not None:
        model = "equidistant" if distortion.lens == "fisheye" else "rational_polynomial"
        if distortion.lens == "pinhole" and len(distortion.coefficients) <= 5:
            model = "plumb_bob"
        lines += [
            f"distortion_model: {model}",
            "distortion_coefficients:",
            "  rows: 1",
            f"  cols: {len(distortion.coefficients)}",
            f"  data: {_listed(distortion.coefficients)}",
        ]
    if depth is not None:
        lines += [
            "tfl_depth:",
            f"  scale: {depth.scale!r}",
            f"  offset_m: {depth.offset_m!r}",
            f'  model: "{depth.model}"',
            f'  fit: "{depth.fit}"',
        ]
    return "\n".join([*lines, ""])


def _listed(values: Sequence[float]) -> str:
    return f"[{', '.join(repr(float(value)) for value in values)}]"


def _document(text: str) -> Any:
    """The file's content as dictionaries, lists, numbers and texts."""
    if not text.lstrip().startswith(("%YAML", "<?xml", "{")):
        # OpenCV's reader needs its own first line, and lists indented more than their names.
        text = "%YAML:1.0\n---\n" + re.sub(r"^( *)- ", r"\1  - ", text, flags=re.MULTILINE)
        text = re.sub(r"^---\n---\s*\n", "---\n", text, flags=re.MULTILINE)
    try:
        storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
        return _plain(storage.root())
    except (cv2.error, SystemError) as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise CameraError(f"OpenCV cannot parse it ({reason[:200]}).") from error


def _plain(node: Any) -> Any:
    if node.isMap():
        return {key: _plain(node.getNode(key)) for key in node.keys()}  # noqa: SIM118 - no dict
    if node.isSeq():
        return [_plain(node.at(place)) for place in range(node.size())]
    if node.isString():
        return node.string()
    return node.real() if node.isInt() or node.isReal() else None


def _camera(document: Any, name: str | None) -> Camera:
    if not isinstance(document, Mapping):
        raise CameraError("it is no list of names and values.")
    named = [key for key, value in document.items() if _is_kalibr(value)]
    if name is not None and name not in named:
        raise CameraError(f"there is no {name} in it.")
    if named:
        if name is None and len(named) > 1:
            raise CameraError(f"there are {', '.join(named)} in it: add #{named[0]} to its name.")
        return _of_kalibr(document[name or named[0]])
    return _of_matrix(document)


def _is_kalibr(value: Any) -> bool:
    return isinstance(value, Mapping) and "camera_model" in value


def _of_kalibr(found: Mapping[str, Any]) -> Camera:
    if found["camera_model"] != "pinhole":
        raise CameraError(f"expected camera_model: pinhole, got {found['camera_model']!r}.")
    width, height = found["resolution"]
    lens = Intrinsics(*map(float, found["intrinsics"]))
    model, values = found.get("distortion_model", "none"), found.get("distortion_coeffs", [])
    return Camera(int(width), int(height), lens, _distortion(model, values))


def _of_matrix(found: Mapping[str, Any]) -> Camera:
    """Parse a file of OpenCV or ROS."""
    width, height = (int(found[name]) for name in ("image_width", "image_height"))
    depth = _depth(found["tfl_depth"]) if "tfl_depth" in found else None
    if depth is not None and "camera_matrix" not in found:
        return Camera(width, height, depth=depth)
    matrix = found["camera_matrix"]["data"]
    lens = Intrinsics(*(float(matrix[place]) for place in (0, 4, 2, 5)))
    values = found.get("distortion_coefficients", {"data": []})["data"]
    model = found.get("distortion_model", "fisheye" if found.get("fisheye_model") else "")
    return Camera(width, height, lens, _distortion(model, values), depth)


def _distortion(model: str, values: Sequence[float]) -> Distortion | None:
    lens: Literal["pinhole", "fisheye"] = "fisheye" if model in _FISHEYE else "pinhole"
    if model not in (*_FISHEYE, *_PINHOLE, *_NO_LENS):
        known = ", ".join(filter(None, (*_FISHEYE, *_PINHOLE, *_NO_LENS)))
        raise CameraError(f"expected distortion_model to be one of {known}, got {model!r}.")
    coefficients = tuple(float(value) for value in values)
    if model in _NO_LENS or not any(coefficients):
        return None
    return Distortion(lens, coefficients)


def _depth(found: Mapping[str, Any]) -> DepthCalibration:
    return DepthCalibration(
        scale=float(found["scale"]),
        offset_m=float(found["offset_m"]),
        model=str(found["model"]),
        fit=found["fit"],
    )
