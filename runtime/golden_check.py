"""Check of the millimeters: the depth that comes out here, beside what the reference kernels gave.

Where the file has the digests of their output tensors, the check also says whether these are the
same byte for byte.

TensorFlow Lite's reference kernels give the same bytes in every package and on every processor.
Other correct kernels round at other places. How far that moves the depth depends on the network
and on the photo, so the converter measures it on the golden vectors themselves, and the tolerance
is a multiple of that (docs/decisions/008-tolerance-of-the-proof.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from tfl_depth.encoding import DepthMm
from tfl_depth.errors import ContractError
from tfl_depth.format.contract import Contract
from tfl_depth.format.golden import Golden, tensors_digest
from tfl_depth.runtime.engines.fallback import FallbackEngine
from tfl_depth.runtime.postprocess import MAX_DISAGREEMENT, DepthDecoder
from tfl_depth.runtime.preprocess import Pixels

# Of what correct kernels of the CPU differ by, and beside it a step of the code and the rounding to
# whole millimeters.
SPREAD_FACTOR = 3
ROUNDING_MM = 1.0


_BYTES_SAID = {
    True: "The output tensors are byte for byte those of the reference kernels.",
    False: "The output tensors are not byte for byte those of the reference kernels.",
    None: "The file has no digest of the reference kernels' tensors, so bytes are not compared.",
}


class Tolerance(NamedTuple):
    """Differences of depth, such as the largest that correct kernels may make.

    Attributes:
        median_mm, p95_mm, worst_mm: over all pixels of all golden images, in millimeters.
    """

    median_mm: float
    p95_mm: float
    worst_mm: float


@dataclass(frozen=True)
class GoldenCheck:
    """How far the depth at hand is from what the reference kernels gave.

    Attributes:
        verdict: "right" if no difference is above its tolerance, and the two codes of a pixel
            contradict each other on no more than 1 % of the pixels of each image; else "wrong".
        median_mm, p95_mm, worst_mm: absolute difference over all pixels of all golden images, in
            millimeters. A pixel that should have depth and has none, or the other way round, is
            wrong by all of its depth.
        worst_image: the golden image with the worst pixel, from 0.
        worst_pixel: its (row, column) on the grid of the network's outputs.
        disagreement: the largest share of contradicting pixels of an image, 0 to 1; None for a
            model without two codes.
        byte_for_byte: whether the output tensors are those of the reference kernels in every byte;
            None where the file has no digests of them, since an older tfl-depth wrote it.
        tolerance: what the differences were held against.
        fallback: as in `Measurement`: if it is not None, this proves what the CPU ran.
        error_mm: (images, H, W) int64, depth here minus golden depth.
    """

    verdict: Literal["right", "wrong"]
    median_mm: float
    p95_mm: float
    worst_mm: float
    worst_image: int
    worst_pixel: tuple[int, int]
    disagreement: float | None
    byte_for_byte: bool | None
    tolerance: Tolerance
    fallback: str | None
    error_mm: npt.NDArray[np.int64] = field(repr=False, compare=False)

    def __str__(self) -> str:
        """Two sentences for people."""
        allowed, (row, column) = self.tolerance, self.worst_pixel
        return (
            f"The depth is {self.verdict}: it differs from that of the reference kernels by "
            f"{self.median_mm:.0f} mm in the median (allowed {allowed.median_mm:.0f}), "
            f"{self.p95_mm:.0f} mm at 95 % ({allowed.p95_mm:.0f}) and {self.worst_mm:.0f} mm at "
            f"worst ({allowed.worst_mm:.0f}), at row {row}, column {column} of golden image "
            f"{self.worst_image}. {_BYTES_SAID[self.byte_for_byte]}"
        )


def tolerance_of(contract: Contract) -> Tolerance:
    """What correct kernels may differ by on the golden vectors of a model.

    Raises:
        ContractError: it has none.
    """
    spread = contract.golden
    if spread is None:
        raise ContractError("The model's contract has no golden vectors: convert it anew.")
    step_mm = max(contract.spans.steps_mm) if contract.precision == "int8" else 0.0
    least_mm = step_mm + ROUNDING_MM
    allowed = (spread.median_mm, spread.p95_mm, spread.max_mm)
    return Tolerance(*(SPREAD_FACTOR * each_mm + least_mm for each_mm in allowed))


def check_golden(engine: FallbackEngine, golden: Golden) -> GoldenCheck:
    """Run golden vectors on a network, and compare.

    Raises:
        InterpreterError: the interpreter or its delegate fails.
        ContractError: the golden depth is not of the outputs' size.
    """
    info, state = engine.info, engine.new_frame_state()

    def codes_of(rgb: Pixels) -> npt.NDArray[Any]:
        engine.run(rgb, "rgb", state)
        return state.codes

    proof = check_codes(codes_of, info.new_decoder(), info.grid_size, info.contract, golden)
    return replace(proof, fallback=state.fallback)


def check_codes(
    codes_of: Callable[[Pixels], npt.NDArray[Any]],
    decoder: DepthDecoder,
    grid_size: tuple[int, int],
    contract: Contract,
    golden: Golden,
) -> GoldenCheck:
    """Compare what comes out for golden vectors with what the reference kernels gave.

    Args:
        codes_of: runs a photo (height, width, 3), RGB uint8, and gives the codes that `decoder`
            has collected.
        decoder: of the model's outputs.
        grid_size: (height, width) of the outputs.
        contract: of the model.
        golden: the one in it.

    Raises:
        ContractError: the golden depth is not of the outputs' size.
    """
    depth_mm = np.empty((len(golden.rgb), *grid_size), decoder.dtype)
    if golden.depth_mm.shape != depth_mm.shape:
        raise ContractError(
            f"Expected golden depth of shape {depth_mm.shape} by the model's outputs, got "
            f"{golden.depth_mm.shape}: convert the model anew."
        )
    shares: list[float | None] = []
    digests = []
    for rgb, out in zip(golden.rgb, depth_mm, strict=True):
        codes = codes_of(rgb)
        shares.append(decoder.decode_grid(codes, out))
        digests.append(tensors_digest(decoder.tensors(codes), contract.output_names))
    known = [share for share in shares if share is not None]
    proof = compare(
        depth_mm, golden.depth_mm, tolerance_of(contract), max(known, default=None), None
    )
    same = None if golden.digests is None else golden.digests == tuple(digests)
    return replace(proof, byte_for_byte=same)


def compare(
    depth_mm: DepthMm,
    golden_mm: DepthMm,
    tolerance: Tolerance,
    disagreement: float | None,
    fallback: str | None,
) -> GoldenCheck:
    """Judge depth (N, H, W) by the golden one; the other arguments as in `GoldenCheck`.

    Bytes are not compared.
    """
    error_mm = depth_mm.astype(np.int64) - golden_mm
    apart_mm = np.abs(error_mm)
    image, row, column = map(int, np.unravel_index(apart_mm.argmax(), apart_mm.shape))
    measures = (np.median(apart_mm), np.percentile(apart_mm, 95), apart_mm.max())
    found = Tolerance(*map(float, measures))
    near = all(each_mm <= most_mm for each_mm, most_mm in zip(found, tolerance, strict=True))
    right = near and (disagreement or 0.0) <= MAX_DISAGREEMENT
    return GoldenCheck(
        verdict="right" if right else "wrong",
        **found._asdict(),
        worst_image=image,
        worst_pixel=(row, column),
        disagreement=disagreement,
        byte_for_byte=None,
        tolerance=tolerance,
        fallback=fallback,
        error_mm=error_mm,
    )
