"""Golden vectors: photos inside a model, with their correct depth.

The reference kernels computed the depth. A digest of their output tensors is stored beside it. The
vectors are a ZIP archive in the flatbuffer metadata entry `TFL_DEPTH_GOLDEN` (docs/contract.md).
Only `prove` reads it.
"""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.encoding import DepthMm
from tfl_depth.errors import ContractError
from tfl_depth.format.contract import Contract
from tfl_depth.format.contract_parts import GoldenSpread
from tfl_depth.format.contract_place import find_metadata
from tfl_depth.format.golden_archive import BROKEN, MAX_IMAGES, read_depth, read_digests, read_rgb

METADATA_NAME = "TFL_DEPTH_GOLDEN"


@dataclass(frozen=True)
class Golden:
    """Inputs and their expected outputs.

    Attributes:
        rgb: (N, height, width, 3) uint8, in the size of the network's input.
        depth_mm: (N, H, W) uint16 or uint32, in the size of its outputs: millimeters.
        digests: for each photo the `tensors_digest` of the outputs; None in files of older versions
            of tfl-depth, which computed no digests.
    """

    rgb: npt.NDArray[np.uint8]
    depth_mm: DepthMm
    digests: tuple[str, ...] | None = None

    def to_zip(self) -> bytes:
        """Serialize without loss. The same vectors always give the same bytes."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for number, (rgb, depth_mm) in enumerate(zip(self.rgb, self.depth_mm, strict=True)):
                _write(archive, f"{number}.png", _png(rgb), zipfile.ZIP_STORED)
                _write(archive, f"{number}.npy", _npy(depth_mm), zipfile.ZIP_DEFLATED)
            for number, digest in enumerate(self.digests or ()):
                _write(archive, f"{number}.sha256", digest.encode(), zipfile.ZIP_STORED)
        return packed.getvalue()

    @classmethod
    def from_zip(cls, content: bytes, images: int, size: tuple[int, int]) -> Golden:
        """Parse what `to_zip` wrote, for a number of images of `size` = (height, width).

        Raises:
            ContractError: it is not such an archive.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                read = [
                    (read_rgb(archive, f"{k}.png", size), read_depth(archive, f"{k}.npy", size))
                    for k in range(images)
                ]
                digests = read_digests(archive, images)
            rgb, depth_mm = map(np.stack, zip(*read, strict=True))
            return cls(rgb, depth_mm, digests)
        except (ValueError, *BROKEN) as error:
            raise ContractError(
                f"The golden vectors are damaged ({error}): convert the model again."
            ) from error


def tensors_digest(tensors: Mapping[str, npt.NDArray[Any]], names: tuple[str, ...]) -> str:
    """SHA-256 over the bytes of output tensors, little-endian, in lower-case hexadecimal.

    Args:
        tensors: of one frame, by name, of any shape.
        names: the contract's `output_names`: the order of the tensors in the digest.
    """
    digest = hashlib.sha256()
    for name in names:
        values = tensors[name]
        digest.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def read_golden(model: bytes, contract: Contract) -> Golden:
    """The golden vectors of a .tflite file.

    Raises:
        ContractError: it has none, or they do not agree with its contract.
    """
    found = find_metadata(model, METADATA_NAME)
    if found is None or contract.golden is None:
        raise ContractError(
            "The model has no golden vectors, which prove needs (metadata entry "
            f"{METADATA_NAME}): convert it again, without --no-golden."
        )
    _expect_sensible(contract.golden)
    start, length = found
    content, size = bytes(model[start : start + length]), (contract.height, contract.width)
    return Golden.from_zip(content, contract.golden.images, size)


def _expect_sensible(spread: GoldenSpread) -> None:
    """Refuse a contract with which every depth would pass, or nothing would be compared."""
    measures_mm = (spread.median_mm, spread.p95_mm, spread.max_mm)
    if not all(0 <= each_mm < math.inf for each_mm in measures_mm):
        raise ContractError(
            f"Expected finite distances of golden vectors in the model's contract, got "
            f"{measures_mm} mm: convert it again."
        )
    if not 0 < spread.images <= MAX_IMAGES:
        raise ContractError(
            f"Expected 1 to {MAX_IMAGES} golden images in the model's contract, got "
            f"{spread.images}: convert it again."
        )


def _write(archive: zipfile.ZipFile, name: str, content: bytes, method: int) -> None:
    # A new ZipInfo has a fixed date. writestr alone would write the current date.
    archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)


def _png(rgb: npt.NDArray[np.uint8]) -> bytes:
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    return cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()


def _npy(values: npt.NDArray[Any]) -> bytes:
    packed = io.BytesIO()
    np.save(packed, values)
    return packed.getvalue()
