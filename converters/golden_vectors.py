"""Puts golden vectors into a finished file: two of its user's photos and what is right for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.metadata import with_contract, with_metadata
from tfl_depth.converters.representative import read_pixels
from tfl_depth.encoding import DepthMm
from tfl_depth.errors import InterpreterError
from tfl_depth.format.contract import Contract
from tfl_depth.format.contract_parts import GoldenSpread
from tfl_depth.format.golden import METADATA_NAME, Golden, tensors_digest
from tfl_depth.runtime.engines.interpreter import open_interpreter
from tfl_depth.runtime.postprocess import depth_decoder
from tfl_depth.runtime.preprocess import write_input

# The lowest bits of a photo are noise that does not compress: half the bytes of a lossless file.
KEPT_BITS, MIDDLE = 0b1111_1100, 0b10

Photos = npt.NDArray[np.uint8]


def with_golden(model: bytes, contract: Contract, photos: Sequence[Path]) -> tuple[bytes, Contract]:
    """Add golden vectors and a contract to a .tflite file.

    Of the photos, those are taken whose depth lies nearest and farthest in the median, so that the
    two of them drive much of the range.

    Args:
        model: the file's bytes.
        contract: to put into it.
        photos: one or more.

    Returns:
        The file with them, and its new contract, in which `golden` says how far the kernels of the
        CPU lie apart: the reference kernels, which give the golden depth, against TensorFlow Lite's
        optimized ones and XNNPACK's. These round at other places, and are as right.
    """
    size = (contract.height, contract.width)
    rgb = np.stack([read_pixels(path, size, contract.fit) & KEPT_BITS | MIDDLE for path in photos])
    medians = np.median(depth_by(model, contract, rgb), axis=(1, 2))
    rgb = rgb[sorted({int(medians.argmin()), int(medians.argmax())})]
    golden = _by_reference(model, contract, rgb)
    others = [depth_by(model, contract, rgb, xnnpack=xnnpack) for xnnpack in (True, False)]
    contract = replace(contract, golden=spread(golden.depth_mm, others))
    model = with_metadata(model, METADATA_NAME, golden.to_zip())
    return with_contract(model, contract), contract


def _by_reference(model: bytes, contract: Contract, rgb: Photos) -> Golden:
    """By the reference kernels; where one is missing, as for ELU, by the built-in ones."""
    try:
        return _golden_by(model, contract, rgb, xnnpack=False, reference=True)
    except InterpreterError:
        return _golden_by(model, contract, rgb, xnnpack=False, reference=False)


def depth_by(model: bytes, contract: Contract, rgb: Photos, *, xnnpack: bool = True) -> DepthMm:
    """Millimeters (N, H, W) that kernels (see `open_interpreter`) give for photos (N, h, w, 3)."""
    return _golden_by(model, contract, rgb, xnnpack=xnnpack, reference=False).depth_mm


def _golden_by(
    model: bytes, contract: Contract, rgb: Photos, *, xnnpack: bool, reference: bool
) -> Golden:
    """Photos (N, h, w, 3), and what kernels (see `open_interpreter`) give for them."""
    signature = open_interpreter(model, xnnpack=xnnpack, reference=reference).get_signature_runner()
    (source,) = signature.get_input_details().values()
    pixels = np.empty(source["shape"], source["dtype"])
    details = signature.get_output_details()
    scales = {name: detail["quantization"] for name, detail in details.items()}
    _, height, width, _ = details[contract.output_names[0]]["shape"]
    decoder = depth_decoder(contract, scales, (height, width))
    depth_mm = np.empty((len(rgb), height, width), decoder.dtype)
    codes, digests = decoder.new_codes(), []
    for photo, out in zip(rgb, depth_mm, strict=True):
        write_input(photo, "rgb", pixels[0])
        outputs = signature(**{contract.input_name: pixels})
        digests.append(tensors_digest(outputs, contract.output_names))
        decoder.collect(outputs, codes)
        decoder.decode(codes, out)
    return Golden(rgb, depth_mm, tuple(digests))


def spread(reference_mm: DepthMm, others_mm: Sequence[DepthMm]) -> GoldenSpread:
    """The largest difference, by each measure, of any of `others_mm` from the reference."""
    differences = [np.abs(other.astype(np.int64) - reference_mm) for other in others_mm]

    def largest(measure: Any) -> float:
        return round(max(float(measure(difference)) for difference in differences), 2)

    return GoldenSpread(
        images=len(reference_mm),
        median_mm=largest(np.median),
        p95_mm=largest(lambda difference: np.percentile(difference, 95)),
        max_mm=largest(np.max),
    )
