"""Check of the millimeters: the depth that comes out here, beside what the reference kernels gave.

TensorFlow Lite's reference kernels give the same bytes in every package and on every processor.
Other correct kernels round at other places. How far that moves the depth depends on the network
and on the photo, so the converter measures it on the golden vectors themselves, and the tolerance
is a multiple of that (docs/decisions/008-tolerance-of-the-proof.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from tfl_depth.depth_difference import DepthDifference
from tfl_depth.encoding import DepthMm
from tfl_depth.errors import ContractError
from tfl_depth.format.contract import Contract
from tfl_depth.format.golden import Golden
from tfl_depth.runtime.engines.fallback import FallbackEngine
from tfl_depth.runtime.postprocess import MAX_DISAGREEMENT

# Of what correct kernels of the CPU differ by, and beside it a step of the code and the rounding to
# whole millimeters.
SPREAD_FACTOR = 3
ROUNDING_MM = 1.0


class Tolerance(NamedTuple):
    """Differences of depth, such as the largest that correct kernels may make.

    Attributes:
        median_mm, p95_mm, max_mm: over all pixels of all golden images, in millimeters.
    """

    median_mm: float
    p95_mm: float
    max_mm: float


@dataclass(frozen=True)
class GoldenCheck:
    """How far the depth at hand is from what the reference kernels gave.

    Attributes:
        verdict: "right" if no difference is above its tolerance, and the two codes of a pixel
            contradict each other on no more than 1 % of the pixels of each image; else "wrong".
        median_mm, p95_mm, max_mm: absolute difference over all pixels of all golden images, in
            millimeters. A pixel that should have depth and has none, or the other way round, is
            wrong by all of its depth.
        worst_image: the golden image with the worst pixel, from 0.
        worst_pixel: its (row, column) on the grid of the network's outputs.
        disagreement: the largest share of contradicting pixels of an image, 0 to 1; None for a
            model without two codes.
        tolerance: what the differences were held against.
        fallback: as in `Measurement`: if it is not None, this proves what the CPU ran.
        error_mm: (images, H, W) int64, depth here minus golden depth.
    """

    verdict: Literal["right", "wrong"]
    median_mm: float
    p95_mm: float
    max_mm: float
    worst_image: int
    worst_pixel: tuple[int, int]
    disagreement: float | None
    tolerance: Tolerance
    fallback: str | None
    error_mm: npt.NDArray[np.int64] = field(repr=False, compare=False)

    def __str__(self) -> str:
        """One sentence for people."""
        allowed, (row, column) = self.tolerance, self.worst_pixel
        return (
            f"The depth is {self.verdict}: it differs from that of the reference kernels by "
            f"{self.median_mm:.0f} mm in the median (allowed {allowed.median_mm:.0f}), "
            f"{self.p95_mm:.0f} mm at 95 % ({allowed.p95_mm:.0f}) and {self.max_mm:.0f} mm at "
            f"worst ({allowed.max_mm:.0f}), at row {row}, column {column} of golden image "
            f"{self.worst_image}."
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
    contract = engine.info.contract
    state, decoder = engine.new_frame_state(), engine.info.new_decoder()
    depth_mm = np.empty((len(golden.rgb), *engine.info.grid_size), decoder.dtype)
    if golden.depth_mm.shape != depth_mm.shape:
        raise ContractError(
            f"Expected golden depth of shape {depth_mm.shape} by the model's outputs, got "
            f"{golden.depth_mm.shape}: convert the model anew."
        )
    shares: list[float | None] = []
    for rgb, out in zip(golden.rgb, depth_mm, strict=True):
        engine.run(rgb, "rgb", state)
        shares.append(decoder.decode_grid(state.codes, out))
    known = [share for share in shares if share is not None]
    return compare(
        depth_mm,
        golden.depth_mm,
        tolerance_of(contract),
        max(known, default=None),
        state.fallback,
    )


def compare(
    depth_mm: DepthMm,
    golden_mm: DepthMm,
    tolerance: Tolerance,
    disagreement: float | None,
    fallback: str | None,
) -> GoldenCheck:
    """Judge depth (N, H, W) by the golden one; the other arguments as in `GoldenCheck`."""
    error_mm = depth_mm.astype(np.int64) - golden_mm
    apart_mm = np.abs(error_mm)
    image, row, column = map(int, np.unravel_index(apart_mm.argmax(), apart_mm.shape))
    difference = DepthDifference.between(depth_mm, golden_mm)
    found = Tolerance(difference.median_mm, difference.p95_mm, difference.max_mm)
    near = all(each_mm <= most_mm for each_mm, most_mm in zip(found, tolerance, strict=True))
    right = near and (disagreement or 0.0) <= MAX_DISAGREEMENT
    return GoldenCheck(
        verdict="right" if right else "wrong",
        **found._asdict(),
        worst_image=image,
        worst_pixel=(row, column),
        disagreement=disagreement,
        tolerance=tolerance,
        fallback=fallback,
        error_mm=error_mm,
    )
