"""Comparison of this board's depth with the depth of the reference kernels.

TensorFlow Lite's reference kernels compute the same bytes in every package and on every processor.
Other correct kernels round at other places. The resulting difference depends on the network and the
photo. The converter measures it on the golden vectors, and the tolerance is a multiple of it
(docs/decisions/008-tolerance-of-the-proof.md).

If the file has the digests of the reference kernels' output tensors, the check also reports whether
this board's tensors have the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from tfl_depth.depth_difference import DepthDifference
from tfl_depth.encoding import DepthMm
from tfl_depth.errors import ContractError
from tfl_depth.format.contract import Contract
from tfl_depth.runtime.delegates.extensions import find_row, known_names
from tfl_depth.runtime.engines.fallback import FallbackEngine
from tfl_depth.runtime.output_layout import OutputLayout
from tfl_depth.runtime.postprocess import MAX_DISAGREEMENT, DepthDecoder
from tfl_depth.runtime.preprocess import Pixels

if TYPE_CHECKING:
    from tfl_depth.format.golden import Golden

# The tolerance is this factor times the difference of the CPU's correct kernels, plus a step of the
# code (for another arithmetic some steps), plus the rounding to whole millimeters.
SPREAD_FACTOR = 3
ROUNDING_MM = 1.0


_BYTES_SAID = {
    True: "The output tensors are byte for byte those of the reference kernels.",
    False: "The output tensors are not byte for byte those of the reference kernels.",
    None: "The file has no digest of the reference kernels' tensors, so bytes are not compared.",
}


class Tolerance(NamedTuple):
    """Limits of the depth difference.

    Attributes:
        median_mm, p95_mm, max_mm: over all pixels of all golden images, in millimeters.
    """

    median_mm: float
    p95_mm: float
    max_mm: float


@dataclass(frozen=True)
class GoldenCheck:
    """The difference of this board's depth from that of the reference kernels.

    Attributes:
        verdict: "right" if no difference is above its tolerance, and the two codes contradict each
            other on at most 1 % of the pixels of each image; else "wrong".
        median_mm, p95_mm, max_mm: absolute difference over all pixels of all golden images, in
                millimeters. If only one of the two depths is 0 (no depth), the difference is the
                other depth.
        worst_image: the golden image with the worst pixel, from 0.
        worst_pixel: its (row, column) on the grid of the network's outputs.
        disagreement: the largest share of contradicting pixels of an image, 0 to 1; None for a
            model without two codes.
        byte_for_byte: whether the output tensors equal those of the reference kernels in every
            byte; None if the file has no digests, since an older tfl-depth wrote it.
        tolerance: limits of the differences.
        fallback: as in `Measurement`. If it is not None, the CPU computed the depth.
        error_mm: (images, H, W) int64, depth here minus golden depth.
    """

    verdict: Literal["right", "wrong"]
    median_mm: float
    p95_mm: float
    max_mm: float
    worst_image: int
    worst_pixel: tuple[int, int]
    disagreement: float | None
    byte_for_byte: bool | None
    tolerance: Tolerance
    fallback: str | None
    error_mm: npt.NDArray[np.int64] = field(repr=False, compare=False)

    def __str__(self) -> str:
        """The result as two sentences."""
        allowed, (row, column) = self.tolerance, self.worst_pixel
        return (
            f"The depth is {self.verdict}: it differs from that of the reference kernels by "
            f"{self.median_mm:.0f} mm in the median (allowed {allowed.median_mm:.0f}), "
            f"{self.p95_mm:.0f} mm at 95 % ({allowed.p95_mm:.0f}) and {self.max_mm:.0f} mm at "
            f"worst ({allowed.max_mm:.0f}), at row {row}, column {column} of golden image "
            f"{self.worst_image}. {_BYTES_SAID[self.byte_for_byte]}"
        )


def tolerance_of(contract: Contract, rounding_steps: int = 1) -> Tolerance:
    """Return the largest differences that correct kernels may have on a model's golden vectors.

    Args:
        contract: of the model.
        rounding_steps: steps of the code that the rounding of the outputs may cost.

    Raises:
        ContractError: the model has no golden vectors.
    """
    spread = contract.golden
    if spread is None:
        raise ContractError("The model has no golden vectors. Convert it again.")
    step_mm = max(contract.spans.steps_mm) if contract.precision == "int8" else 0.0
    least_mm = rounding_steps * step_mm + ROUNDING_MM
    allowed = (spread.median_mm, spread.p95_mm, spread.max_mm)
    return Tolerance(*(SPREAD_FACTOR * each_mm + least_mm for each_mm in allowed))


def check_golden(engine: FallbackEngine, golden: Golden) -> GoldenCheck:
    """Run golden vectors on an engine and compare the depth.

    Raises:
        InterpreterError: the interpreter or its delegate fails.
        ContractError: the golden depth has another size than the outputs.
    """
    info, state = engine.info, engine.new_frame_state()

    def codes_of(rgb: Pixels) -> npt.NDArray[Any]:
        engine.run(rgb, "rgb", state)
        return state.codes

    name = info.coverage.delegate
    steps = find_row(name).rounding_steps if name in known_names() else 1
    proof = check_codes(codes_of, info.layout, info.new_decoder(), info.contract, golden, steps)
    return replace(proof, fallback=state.fallback)


def check_codes(
    codes_of: Callable[[Pixels], npt.NDArray[Any]],
    layout: OutputLayout,
    decoder: DepthDecoder,
    contract: Contract,
    golden: Golden,
    rounding_steps: int = 1,
) -> GoldenCheck:
    """Run golden vectors, and compare the depth with that of the reference kernels.

    Args:
        codes_of: runs a photo (height, width, 3), RGB uint8, and returns the codes.
        layout: of the codes.
        decoder: of the codes.
        contract: of the model.
        golden: golden vectors of the model.
        rounding_steps: as in `tolerance_of`.

    Raises:
        ContractError: the golden depth has another size than the outputs.
    """
    from tfl_depth.format.golden import tensors_digest  # it brings zipfile, which only proofs need

    depth_mm = np.empty((len(golden.rgb), *layout.size), decoder.dtype)
    if golden.depth_mm.shape != depth_mm.shape:
        raise ContractError(
            f"Expected golden depth of the outputs' shape {depth_mm.shape}, got "
            f"{golden.depth_mm.shape}. Convert the model again."
        )
    shares: list[float | None] = []
    digests = []
    for rgb, out in zip(golden.rgb, depth_mm, strict=True):
        codes = codes_of(rgb)
        shares.append(decoder.decode_grid(codes, out))
        digests.append(tensors_digest(layout.tensors(codes), contract.output_names))
    known = [share for share in shares if share is not None]
    tolerance = tolerance_of(contract, rounding_steps)
    proof = compare(depth_mm, golden.depth_mm, tolerance, max(known, default=None), None)
    same = None if golden.digests is None else golden.digests == tuple(digests)
    return replace(proof, byte_for_byte=same)


def compare(
    depth_mm: DepthMm,
    golden_mm: DepthMm,
    tolerance: Tolerance,
    disagreement: float | None,
    fallback: str | None,
) -> GoldenCheck:
    """Compare depth (N, H, W) with golden depth; other arguments as in `GoldenCheck`.

    Bytes are not compared.
    """
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
        byte_for_byte=None,
        tolerance=tolerance,
        fallback=fallback,
        error_mm=error_mm,
    )
