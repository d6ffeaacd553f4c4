"""Makes the golden vectors of a finished file: two photos and their correct depth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.representative import read_pixels
from tfl_depth.depth_difference import DepthDifference
from tfl_depth.encoding import DepthMm
from tfl_depth.errors import InterpreterError
from tfl_depth.format.contract import Contract
from tfl_depth.format.contract_parts import GoldenSpread
from tfl_depth.format.golden import Golden, tensors_digest
from tfl_depth.runtime.engines.interpreter import open_interpreter
from tfl_depth.runtime.output_layout import output_layout
from tfl_depth.runtime.postprocess import depth_decoder
from tfl_depth.runtime.preprocess import write_input

# The lowest bits of a photo are noise. Without them a lossless file has half the bytes.
KEPT_BITS, MIDDLE = 0b1111_1100, 0b10

Photos = npt.NDArray[np.uint8]


def golden_vectors(
    model: bytes, contract: Contract, photos: Sequence[Path]
) -> tuple[Golden, GoldenSpread]:
    """Make the golden vectors of a .tflite file.

    It takes the photo of the smallest median depth and the photo of the largest one. Together they
    cover much of the range.

    Args:
        model: the file's bytes.
        contract: of the file.
        photos: one or more.

    Returns:
        The golden vectors, and how far the depth of the CPU's kernels differs. The reference
        kernels compute the golden depth. TensorFlow Lite's optimized kernels and XNNPACK's are
        compared with it. They round at other places and are as correct.
    """
    size = (contract.height, contract.width)
    rgb = np.stack([read_pixels(path, size, contract.fit) & KEPT_BITS | MIDDLE for path in photos])
    medians = np.median(depth_by(model, contract, rgb), axis=(1, 2))
    rgb = rgb[sorted({int(medians.argmin()), int(medians.argmax())})]
    golden = _by_reference(model, contract, rgb)
    others = [depth_by(model, contract, rgb, xnnpack=xnnpack) for xnnpack in (True, False)]
    return golden, spread(golden.depth_mm, others)


def _by_reference(model: bytes, contract: Contract, rgb: Photos) -> Golden:
    """Compute with the reference kernels, or with the built-in ones if one is missing, as ELU's."""
    try:
        return _golden_by(model, contract, rgb, xnnpack=False, reference=True)
    except InterpreterError:
        return _golden_by(model, contract, rgb, xnnpack=False, reference=False)


def depth_by(model: bytes, contract: Contract, rgb: Photos, *, xnnpack: bool = True) -> DepthMm:
    """Compute millimeters (N, H, W) of photos (N, h, w, 3) with kernels of `open_interpreter`."""
    return _golden_by(model, contract, rgb, xnnpack=xnnpack, reference=False).depth_mm


def _golden_by(
    model: bytes, contract: Contract, rgb: Photos, *, xnnpack: bool, reference: bool
) -> Golden:
    """Compute golden vectors of photos (N, h, w, 3) with kernels of `open_interpreter`."""
    signature = open_interpreter(model, xnnpack=xnnpack, reference=reference).get_signature_runner()
    (source,) = signature.get_input_details().values()
    pixels = np.empty(source["shape"], source["dtype"])
    details = signature.get_output_details()
    scales = {name: detail["quantization"] for name, detail in details.items()}
    _, height, width, _ = details[contract.output_names[0]]["shape"]
    decoder = depth_decoder(contract, scales, (height, width))
    depth_mm = np.empty((len(rgb), height, width), decoder.dtype)
    layout = output_layout(contract, (height, width))
    codes, digests = layout.new_codes(), []
    for photo, out in zip(rgb, depth_mm, strict=True):
        write_input(photo, "rgb", pixels[0])
        outputs = signature(**{contract.input_name: pixels})
        digests.append(tensors_digest(outputs, contract.output_names))
        layout.collect(outputs, codes)
        decoder.decode(codes, out)
    return Golden(rgb, depth_mm, tuple(digests))


def spread(reference_mm: DepthMm, others_mm: Sequence[DepthMm]) -> GoldenSpread:
    """Return the largest difference of `others_mm` from the reference, by each measure."""
    found = [DepthDifference.between(other_mm, reference_mm) for other_mm in others_mm]
    return GoldenSpread(
        images=len(reference_mm),
        median_mm=round(max(each.median_mm for each in found), 2),
        p95_mm=round(max(each.p95_mm for each in found), 2),
        max_mm=round(max(each.max_mm for each in found), 2),
    )
