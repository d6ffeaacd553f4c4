"""Files that are right, from which a fuzzer begins."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import cv2
import numpy as np

from tests.fuzz.targets import ARRAYS, DEPTH_SUFFIXES, IMAGES, SIZE
from tfl_depth.encoding import DepthMm
from tfl_depth.format.contract_place import find_contract
from tfl_depth.format.golden import Golden

# Of the test models those that a fuzzer gets through quickly.
LARGEST_BYTES = 32 * 1024
# ir_version 8, a graph and opset_import, as fields of protobuf.
ONNX = b"\x08\x08" + b"\x3a\x02\x0a\x00" + b"\x42\x02\x10\x11"


def seeds(target: str, models: Path) -> list[bytes]:
    """Right files for a target.

    Args:
        target: a name of `targets.TARGETS`.
        models: the folder that tests/support/make_models.py wrote.
    """
    if target in ("model", "contract"):
        contents = [path.read_bytes() for path in sorted(models.glob("*.tflite"))]
        small = [content for content in contents if len(content) <= LARGEST_BYTES]
        return small if target == "model" else [found for each in small if (found := _json(each))]
    if target == "golden":
        return [_golden(dtype) for dtype in (np.uint16, np.uint32)]
    if target == "list":
        return [b"# comment\none two\n\nthree\r\n", "\ufeffrgb/a.jpg depth/a.png\n".encode()]
    if target == "depth":
        return [bytes([k]) + _depth(suffix) for k, suffix in enumerate(DEPTH_SUFFIXES)]
    if target == "network":
        return [_archive("config.json", "metadata.json"), _archive("m/data.pkl"), ONNX]
    return [cv2.imencode(ending, _photo())[1].tobytes() for ending in (".jpg", ".png", ".bmp")]


def _json(model: bytes) -> bytes:
    start, length = find_contract(model) or (0, 0)
    return model[start : start + length]


def _photo() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)


def _golden(dtype: type) -> bytes:
    depth_mm: DepthMm = np.random.default_rng(1).integers(0, 9000, (IMAGES, *SIZE)).astype(dtype)
    digests = ("0123456789abcdef" * 4,) * IMAGES
    return Golden(_photo()[None], depth_mm, digests).to_zip()


def _archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, '{"keras_version": "3.15.1"}')
    return file.getvalue()


def _depth(suffix: str) -> bytes:
    meters = np.random.default_rng(2).random(SIZE).astype(np.float32)
    if suffix not in ARRAYS:
        values = meters if suffix == ".tiff" else (9000 * meters).astype(np.uint16)
        return cv2.imencode(suffix, values)[1].tobytes()
    file = io.BytesIO()
    if suffix == ".npy":
        np.save(file, meters)
    else:
        np.savez_compressed(file, depth=meters)
    return file.getvalue()
