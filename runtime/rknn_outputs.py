"""Millimeters of what Rockchip's own runtime gives for an .rknn file of tfl-depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.encoding import CODES, Decoder, DepthMm
from tfl_depth.errors import InterpreterError
from tfl_depth.format.contract import Contract
from tfl_depth.runtime.postprocess import MAX_DISAGREEMENT


def decode_rknn(contract: Contract, outputs: Sequence[npt.NDArray[Any]]) -> DepthMm:
    """Decode the outputs of a split head.

    Args:
        contract: the one beside the .rknn file.
        outputs: `integer` and `fractional`, (1, H, W, 1) int8, or float as RKNNLite may give them.

    Returns:
        (H, W) millimeters, 0 = no depth.

    Raises:
        InterpreterError: the outputs are of another type, or contradict each other on more than 1 %
            of the pixels.
    """
    spans = contract.spans
    steps = (spans.codes_per_span, CODES)
    integer, fractional = (_codes(*each) for each in zip(outputs, steps, strict=True))
    decoder = Decoder(spans)
    share = float(decoder.disagreement(integer, fractional).mean())
    if share > MAX_DISAGREEMENT:
        raise InterpreterError(
            f"The two outputs contradict each other on {share:.0%} of the pixels: pass `integer` "
            "first, and the pixels minus 128 as int8 to the network."
        )
    return decoder.decode(integer, fractional)


def _codes(values: npt.NDArray[Any], codes_per_unit: int) -> npt.NDArray[np.uint8]:
    """Codes (H, W) from int8, or from float values of so many codes each."""
    if values.dtype == np.int8:
        codes = values.astype(np.int16) + 128
    elif np.issubdtype(values.dtype, np.floating):
        codes = np.rint(values.astype(np.float64) * codes_per_unit).clip(0, CODES)
    else:
        raise InterpreterError(f"Expected outputs of int8 or float, got {values.dtype}.")
    return codes.astype(np.uint8)[0, :, :, 0]
