"""From the codes of the network's outputs to millimeters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.encoding import (
    AS_IT_IS,
    CODES,
    Decoder,
    DepthCorrection,
    DepthMm,
    Spans,
    decode_float,
    depth_dtype,
)
from tfl_depth.errors import SelfCheckError
from tfl_depth.format.contract import Contract
from tfl_depth.runtime.fit import FramePlace
from tfl_depth.runtime.guided_upsample import GuidedUpsampler
from tfl_depth.runtime.lookup import LookUp, count_zeros
from tfl_depth.runtime.upsample import Upsampler

# Correct kernels give codes that agree everywhere. A larger share than this is a fault.
MAX_DISAGREEMENT = 0.01

# All bytes of an int8 tensor.
_BYTES = np.arange(CODES + 1, dtype=np.uint8)


class _Tables:
    """Tables over pairs of int8 bytes, 256 * integer + fractional.

    Attributes:
        depth_mm: (65536,) millimeters; 0 if the two codes contradict each other.
        is_0_mm: (65536,) uint8: 1 if the two codes agree and mean 0 mm. It is one pair, or a few if
            spans are centimeters wide or the correction has an offset below 0.
    """

    def __init__(self, spans: Spans, correction: DepthCorrection) -> None:
        decoder = Decoder(spans, correction)
        # The pair of codes of each pair of bytes. A code is 128 more than the int8 value.
        pairs = np.arange(2**16) ^ 0x8080
        self.depth_mm: DepthMm = decoder.depth_mm[pairs]
        is_0_mm = (decoder.agrees & (decoder.depth_mm == 0))[pairs]
        self.is_0_mm: npt.NDArray[np.uint8] = is_0_mm.astype(np.uint8)


# Several runners of one model share the tables.
_tables = lru_cache(maxsize=8)(_Tables)


def depth_decoder(
    contract: Contract,
    scales: Mapping[str, tuple[float, int]],
    size: tuple[int, int],
    correction: DepthCorrection = AS_IT_IS,
) -> DepthDecoder:
    """Choose the decoder for the outputs that a contract describes.

    Args:
        contract: of the model.
        scales: quantization (scale, zero point) of each output; scale 0 for float32.
        size: (height, width) of the outputs.
        correction: of the depth, which costs nothing a frame: it is in the table.
    """
    if contract.precision != "int8":
        return _Meters(contract, size, correction)
    if contract.head == "single":
        return _OneCode(contract.spans, size, correction, *scales["depth"])
    return TwoCodes(contract.spans, size, correction)


class DepthDecoder(ABC):
    """Decodes the codes that an `OutputLayout` has collected.

    It keeps working memory for the next frame. Only one thread may use it.

    Attributes:
        dtype: of the depth that it writes.
        smooth: smooths the millimeters at the outputs' own size in `decode`; None for nothing. A 0
            must stay 0, and nothing else may become 0.
        upsample: resizes them to `out` in `decode`; bilinearly unless it is replaced.
    """

    def __init__(self, spans: Spans, size: tuple[int, int], correction: DepthCorrection) -> None:
        """Allocate the working memory for outputs of `size` = (height, width)."""
        self.dtype = depth_dtype(spans, correction)
        self._size = size
        self._grid_mm: DepthMm = np.empty(size, self.dtype)
        self.upsample: Upsampler | GuidedUpsampler = Upsampler()
        # Whether a frame had outputs that are not all 0. Float outputs may be all 0.
        self._written = False
        self.smooth: Callable[[DepthMm], None] | None = None

    @abstractmethod
    def look_up(self, codes: npt.NDArray[Any], out: DepthMm) -> int:
        """Write the millimeters (H, W); 0 if the two codes contradict each other.

        Returns:
            The number of zeros.
        """

    def disagreement(self, codes: npt.NDArray[Any], zeros: int) -> float | None:
        """Return the share of contradicting pixels; `zeros` is the result of `look_up`."""
        return None

    def decode_grid(self, codes: npt.NDArray[Any], out: DepthMm) -> float | None:
        """Decode at the outputs' own size, without the self-check."""
        return self.disagreement(codes, self.look_up(codes, out))

    def decode(
        self, codes: npt.NDArray[Any], out: DepthMm, place: FramePlace | None = None
    ) -> float | None:
        """Write a frame's millimeters, resized if `out` has another size.

        Args:
            codes: as `OutputLayout.collect` wrote them.
            out: (height, width) of `dtype`, C-contiguous.
            place: of a frame of `out`'s size in the network's input; 0 is written where the network
                saw nothing of it. None: the network saw all of it.

        Returns:
            The share of pixels whose two codes contradict each other, 0 to 1; None for a single
            output and for float outputs.

        Raises:
            SelfCheckError: that share is above `MAX_DISAGREEMENT`, or the outputs were never
                written. All of `out` is then 0.
        """
        seen = out if place is None else out[place.frame.slices]
        part = None if place is None or place.is_whole else place.on_grid(self._size)
        grid_mm = out if part is None and out.shape == self._size else self._grid_mm
        zeros = self.look_up(codes, grid_mm)
        share = self.disagreement(codes, zeros)
        if share is not None and share > MAX_DISAGREEMENT:
            out.fill(0)
            raise SelfCheckError(
                f"The integer and the fractional tensor contradict each other on {share:.0%} of "
                "the pixels: the interpreter or its delegate computes this model wrongly."
            )
        if not self._written:
            self._expect_written(codes, out)
        if seen.shape != out.shape:
            out.fill(0)
        if self.smooth is not None:
            self.smooth(grid_mm)
        if grid_mm is not out:
            shown = grid_mm if part is None else grid_mm[part.slices]
            self.upsample(shown, seen, zeros=zeros)
        return share

    def _expect_written(self, codes: npt.NDArray[Any], out: DepthMm) -> None:
        """Refuse outputs that are all 0: the middle of an int8 tensor's range, and not 0 mm."""
        self._written = bool(codes.any())
        if not self._written:
            out.fill(0)
            raise SelfCheckError(
                "The output tensors hold zeros only: the interpreter or its delegate did not write "
                "them."
            )


class TwoCodes(DepthDecoder):
    """Decodes the INT8 split: one look-up by both bytes at once."""

    def __init__(
        self, spans: Spans, size: tuple[int, int], correction: DepthCorrection = AS_IT_IS
    ) -> None:
        super().__init__(spans, size, correction)
        tables = _tables(spans, correction)
        self._look_up = LookUp(tables.depth_mm)
        self._look_up_0_mm, self._is_0_mm = LookUp(tables.is_0_mm), np.empty(size, np.uint8)

    def look_up(self, codes: npt.NDArray[np.uint16], out: DepthMm) -> int:
        """Look up by both codes at once."""
        return self._look_up(codes, out)

    def disagreement(self, codes: npt.NDArray[np.uint16], zeros: int) -> float:
        """Subtract the consistent pairs of 0 mm from the zeros."""
        if not zeros:
            return 0.0
        others = self._look_up_0_mm(codes, self._is_0_mm)
        return (zeros - (codes.size - others)) / codes.size


class _OneCode(DepthDecoder):
    """Decodes the single INT8 output: a look-up by one byte."""

    def __init__(
        self,
        spans: Spans,
        size: tuple[int, int],
        correction: DepthCorrection,
        scale: float,
        zero_point: int,
    ) -> None:
        super().__init__(spans, size, correction)
        values = _BYTES.astype(np.int8).astype(np.int64) - zero_point
        self._look_up = LookUp(_millimeters(values * scale, spans, correction))

    def look_up(self, codes: npt.NDArray[np.uint8], out: DepthMm) -> int:
        return self._look_up(codes, out)


class _Meters(DepthDecoder):
    """Decodes float outputs. They are used for comparisons, so the code is simple, not fast."""

    def __init__(
        self, contract: Contract, size: tuple[int, int], correction: DepthCorrection
    ) -> None:
        super().__init__(contract.spans, size, correction)
        self._correction = correction
        self._spans = contract.spans
        self._written = True

    def look_up(self, codes: npt.NDArray[np.float32], out: DepthMm) -> int:
        if len(codes) == 1:
            depth_m = codes[0].astype(np.float64)
        else:
            depth_m = decode_float(codes[0], codes[1], self._spans)
        np.copyto(out, _millimeters(depth_m, self._spans, self._correction))
        return count_zeros(out)


def _millimeters(
    depth_m: npt.NDArray[np.floating], spans: Spans, correction: DepthCorrection
) -> DepthMm:
    """Round meters to whole millimeters, clipped to the range and corrected. NaN becomes 0."""
    # Not nan_to_num: it reads float limits, and numpy 1 warns about them if the processor flushes
    # subnormals to zero. tflite-runtime 2.14 for aarch64 switches that on at import.
    depth_m = np.clip(np.where(np.isnan(depth_m), 0, depth_m), 0, spans.max_depth_m)
    depth_mm = np.where(depth_m > 0, correction.millimeters(depth_m), 0)
    return np.asarray(depth_mm, depth_dtype(spans, correction))
