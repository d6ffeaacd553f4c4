"""From the network's output tensors to millimeters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.encoding import CODES, Decoder, DepthMm, Spans, decode_float, depth_dtype
from tfl_depth.errors import SelfCheckError
from tfl_depth.format.contract import Contract
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
        of_0_mm: those that are 0 mm and yet consistent: one or, of spans of centimeters, a few.
    """

    def __init__(self, spans: Spans) -> None:
        decoder = Decoder(spans)
        self.depth_mm: DepthMm = decoder.depth_mm[_PAIRS]
        of_0_mm = (decoder.agrees & (decoder.depth_mm == 0))[_PAIRS]
        self.of_0_mm = np.flatnonzero(of_0_mm).astype(np.uint16)


# Of several runners of one model, and of the frames of a stream, which share them.
_tables = lru_cache(maxsize=8)(_Tables)


def depth_decoder(
    contract: Contract, scales: Mapping[str, tuple[float, int]], size: tuple[int, int]
) -> DepthDecoder:
    """Choose the decoder that reads what the contract describes.

    Args:
        contract: says which outputs there are and what they mean.
        scales: quantization (scale, zero point) of each output; scale 0 for float32.
        size: (height, width) of the outputs.
    """
    if contract.precision != "int8":
        return _Meters(contract, size)
    if contract.head == "single":
        return _OneCode(contract.spans, size, *scales["depth"])
    return TwoCodes(contract.spans, size)


class DepthDecoder(ABC):
    """Decodes outputs that were collected in an array of its own.

    Collecting and decoding are apart, as the interpreter may run again once its outputs are
    collected. Decoding keeps working memory for the next frame, so that only one thread may.

    Attributes:
        dtype: of the depth that it gives.
        smooth: what `decode` does to the millimeters of the outputs' own size; None for nothing.
            What is 0 must stay 0, and nothing else may become 0.
    """

    def __init__(self, spans: Spans, size: tuple[int, int]) -> None:
        """Make the working memory for outputs of `size` = (height, width)."""
        self.dtype = depth_dtype(spans)
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

    def decode(self, codes: npt.NDArray[Any], out: DepthMm) -> float | None:
        """Write a frame's millimeters, enlarged bilinearly where `out` is not of its size.

        Args:
            codes: what `collect` has filled.
            out: (height, width) of `dtype`, C-contiguous.

        Returns:
            The share of pixels whose two codes contradict each other, 0 to 1; None where there is
            only one output, or outputs that are no codes.

        Raises:
            SelfCheckError: that share is above `MAX_DISAGREEMENT`, or nothing was written to the
                outputs; `out` is 0 throughout then.
        """
        grid_mm = out if out.shape == self._size else self._grid_mm
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
        if self.smooth is not None:
            self.smooth(grid_mm)
        if grid_mm is not out:
            self._upsample(grid_mm, out, zeros=zeros)
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

    def __init__(self, spans: Spans, size: tuple[int, int]) -> None:
        super().__init__(spans, size)
        tables = _tables(spans)
        self._look_up, self._of_0_mm = LookUp(tables.depth_mm), tables.of_0_mm
        self._is_code = np.empty(size, np.bool_)
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
        return (zeros - sum(self._count(code, codes) for code in self._of_0_mm)) / codes.size

    def _count(self, code: np.uint16, codes: npt.NDArray[np.uint16]) -> int:
        """How many of (H, W) codes are this one."""
        np.equal(codes, code, out=self._is_code)
        return int(np.count_nonzero(self._is_code))


class _OneCode(DepthDecoder):
    """The single INT8 output: a look-up by one byte."""

    def __init__(self, spans: Spans, size: tuple[int, int], scale: float, zero_point: int) -> None:
        super().__init__(spans, size)
        values = _BYTES.astype(np.int8).astype(np.int64) - zero_point
        self._look_up = LookUp(_millimeters(values * scale, spans))

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

    def __init__(self, contract: Contract, size: tuple[int, int]) -> None:
        super().__init__(contract.spans, size)
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
        np.copyto(out, _millimeters(depth_m, self._spans))
        return count_zeros(out)


def _millimeters(depth_m: npt.NDArray[np.floating], spans: Spans) -> DepthMm:
    """Whole millimeters within 0 and the range; what is not a number is no depth."""
    # Not nan_to_num: it looks up float limits, of which numpy 1 warns wherever a library has made
    # the processor flush subnormals to zero, as tflite-runtime 2.14 for aarch64 does on import.
    depth_m = np.clip(np.where(np.isnan(depth_m), 0, depth_m), 0, spans.max_depth_m)
    return np.asarray(np.rint(1000 * depth_m), depth_dtype(spans))
