"""From the network's output tensors to millimeters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import cv2
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
from tfl_depth.runtime.lookup import LookUp, count_zeros
from tfl_depth.runtime.upsample import Upsampler

# A correct kernel disagrees nowhere; a picture of which this share contradicts itself is garbage.
MAX_DISAGREEMENT = 0.01

Tensors = Mapping[str, npt.NDArray[Any]]
# Bytes as they lie in int8 tensors; and of each pair of them, 256 * integer + fractional, the pair
# of codes, which are 128 more.
_BYTES = np.arange(CODES + 1, dtype=np.uint8)
_PAIRS = np.arange(2**16) ^ 0x8080


class _Tables:
    """Of pairs of bytes as they lie in int8 tensors, 256 * integer + fractional.

    Attributes:
        depth_mm: (65536,) millimeters; 0 where the two contradict each other.
        is_0_mm: (65536,) uint8: 1 where the depth is 0 mm and the two agree: for one pair or, of
            spans of centimeters or corrected by an offset below 0, for some.
    """

    def __init__(self, spans: Spans, correction: DepthCorrection) -> None:
        decoder = Decoder(spans, correction)
        self.depth_mm: DepthMm = decoder.depth_mm[_PAIRS]
        is_0_mm = (decoder.agrees & (decoder.depth_mm == 0))[_PAIRS]
        self.is_0_mm: npt.NDArray[np.uint8] = is_0_mm.astype(np.uint8)


# Of several runners of one model, and of the frames of a stream, which share them.
_tables = lru_cache(maxsize=8)(_Tables)


def depth_decoder(
    contract: Contract,
    scales: Mapping[str, tuple[float, int]],
    size: tuple[int, int],
    correction: DepthCorrection = AS_IT_IS,
) -> DepthDecoder:
    """Choose the decoder that reads what the contract describes.

    Args:
        contract: says which outputs there are and what they mean.
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
    """Decodes outputs that were collected in an array of its own.

    Collecting and decoding are apart, as the interpreter may run again once its outputs are
    collected. Decoding keeps working memory for the next frame, so that only one thread may.

    Attributes:
        dtype: of the depth that it gives.
        smooth: what `decode` does to the millimeters of the outputs' own size; None for nothing.
            What is 0 must stay 0, and nothing else may become 0.
    """

    def __init__(self, spans: Spans, size: tuple[int, int], correction: DepthCorrection) -> None:
        """Make the working memory for outputs of `size` = (height, width)."""
        self.dtype = depth_dtype(spans, correction)
        self._size = size
        self._grid_mm: DepthMm = np.empty(size, self.dtype)
        self._upsample = Upsampler()
        # Whether a frame has been seen whose outputs somebody wrote; floats of 0 are no depth.
        self._written = False
        self.smooth: Callable[[DepthMm], None] | None = None

    @abstractmethod
    def new_codes(self) -> npt.NDArray[Any]:
        """Make an array to collect one frame's outputs in."""

    @abstractmethod
    def collect(self, outputs: Tensors, codes: npt.NDArray[Any]) -> None:
        """Copy output tensors (1, H, W, 1), by name, out of the interpreter's memory."""

    @abstractmethod
    def tensors(self, codes: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """The outputs (H, W) that `collect` has copied, by name, in their own type."""

    @abstractmethod
    def look_up(self, codes: npt.NDArray[Any], out: DepthMm) -> int:
        """Write the millimeters (H, W); 0 where two codes contradict each other.

        Returns:
            How many are 0.
        """

    def disagreement(self, codes: npt.NDArray[Any], zeros: int) -> float | None:
        """The share of contradicting pixels, given how many 0 `look_up` wrote."""
        return None

    def decode_grid(self, codes: npt.NDArray[Any], out: DepthMm) -> float | None:
        """As `decode`, at the outputs' own size, whatever the share is."""
        return self.disagreement(codes, self.look_up(codes, out))

    def decode(
        self, codes: npt.NDArray[Any], out: DepthMm, place: FramePlace | None = None
    ) -> float | None:
        """Write a frame's millimeters, enlarged bilinearly where `out` is not of its size.

        Args:
            codes: what `collect` has filled.
            out: (height, width) of `dtype`, C-contiguous.
            place: of a frame of `out`'s size in the network's input; 0 is written where the network
                saw nothing of it. None: the network saw all of it.

        Returns:
            The share of pixels whose two codes contradict each other, 0 to 1; None where there is
            only one output, or outputs that are no codes.

        Raises:
            SelfCheckError: that share is above `MAX_DISAGREEMENT`, or nothing was written to the
                outputs; `out` is 0 throughout then.
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
            self._upsample(shown, seen, zeros=zeros)
        return share

    def _expect_written(self, codes: npt.NDArray[Any], out: DepthMm) -> None:
        """Refuse what was never written: 0 is the middle of an int8 tensor's range, and no 0 mm."""
        self._written = bool(codes.any())
        if not self._written:
            out.fill(0)
            raise SelfCheckError(
                "The output tensors hold zeros only: the interpreter or its delegate did not write "
                "them."
            )


class TwoCodes(DepthDecoder):
    """The INT8 split: one look-up by both bytes at once."""

    def __init__(
        self, spans: Spans, size: tuple[int, int], correction: DepthCorrection = AS_IT_IS
    ) -> None:
        super().__init__(spans, size, correction)
        tables = _tables(spans, correction)
        self._look_up = LookUp(tables.depth_mm)
        self._look_up_0_mm, self._is_0_mm = LookUp(tables.is_0_mm), np.empty(size, np.uint8)
        # Where `collect` wrote last, as pairs of bytes: to make such a view takes its time.
        self._codes: npt.NDArray[np.uint16] | None = None
        self._pairs: npt.NDArray[np.int8] = np.empty(0, np.int8)

    def new_codes(self) -> npt.NDArray[np.uint16]:
        """(H, W): 256 * integer + fractional, in the order of a little-endian machine.

        Both are bytes as they lie in the tensors, whose highest bit is the code's flipped.
        """
        return np.empty(self._grid_mm.shape, "<u2")

    def collect(self, outputs: Tensors, codes: npt.NDArray[np.uint16]) -> None:
        """Interleave both tensors (1, H, W, 1) int8."""
        if codes is not self._codes:
            self._codes, self._pairs = codes, codes[..., None].view(np.int8)
        cv2.merge([outputs["fractional"][0], outputs["integer"][0]], self._pairs)

    def tensors(self, codes: npt.NDArray[np.uint16]) -> dict[str, npt.NDArray[np.int8]]:
        """Take the pairs apart."""
        pairs = codes[..., None].view(np.int8)
        return {"integer": pairs[..., 1], "fractional": pairs[..., 0]}

    def look_up(self, codes: npt.NDArray[np.uint16], out: DepthMm) -> int:
        """Look up by both codes at once."""
        return self._look_up(codes, out)

    def disagreement(self, codes: npt.NDArray[np.uint16], zeros: int) -> float:
        """Take from the zeros what is 0 mm and consistent."""
        if not zeros:
            return 0.0
        others = self._look_up_0_mm(codes, self._is_0_mm)
        return (zeros - (codes.size - others)) / codes.size


class _OneCode(DepthDecoder):
    """The single INT8 output: a look-up by one byte."""

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

    def new_codes(self) -> npt.NDArray[np.uint8]:
        return np.empty(self._grid_mm.shape, np.uint8)

    def collect(self, outputs: Tensors, codes: npt.NDArray[np.uint8]) -> None:
        np.copyto(codes, outputs["depth"][0, ..., 0].view(np.uint8))

    def tensors(self, codes: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.int8]]:
        return {"depth": codes.view(np.int8)}

    def look_up(self, codes: npt.NDArray[np.uint8], out: DepthMm) -> int:
        return self._look_up(codes, out)


class _Meters(DepthDecoder):
    """Outputs in floating point; for comparisons, so plain rather than fast."""

    def __init__(
        self, contract: Contract, size: tuple[int, int], correction: DepthCorrection
    ) -> None:
        super().__init__(contract.spans, size, correction)
        self._correction = correction
        self._spans, self._names = contract.spans, contract.output_names
        self._written = True

    def new_codes(self) -> npt.NDArray[np.float32]:
        return np.empty((len(self._names), *self._grid_mm.shape), np.float32)

    def collect(self, outputs: Tensors, codes: npt.NDArray[np.float32]) -> None:
        for name, values in zip(self._names, codes, strict=True):
            np.copyto(values, outputs[name][0, ..., 0])

    def tensors(self, codes: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
        return dict(zip(self._names, codes, strict=True))

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
    """Whole millimeters within 0 and the range, corrected; what is not a number is no depth."""
    # Not nan_to_num: it looks up float limits, of which numpy 1 warns wherever a library has made
    # the processor flush subnormals to zero, as tflite-runtime 2.14 for aarch64 does on import.
    depth_m = np.clip(np.where(np.isnan(depth_m), 0, depth_m), 0, spans.max_depth_m)
    depth_mm = np.where(depth_m > 0, correction.millimeters(depth_m), 0)
    return np.asarray(depth_mm, depth_dtype(spans, correction))
