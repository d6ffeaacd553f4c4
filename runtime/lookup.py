"""Table look-ups over whole pictures, by OpenCV where it can: it is the faster there."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.runtime.buffers import ReusableBuffer

Unsigned = npt.NDArray[np.unsignedinteger[Any]]


def _opencv_looks_up_16_bits() -> bool:
    try:
        cv2.LUT(np.zeros((1, 1), np.uint16), np.zeros(256 * 256, np.uint16))
    except cv2.error:  # before OpenCV 5
        return False
    return True


_OPENCV_LOOKS_UP_16_BITS = _opencv_looks_up_16_bits()
_KNOWN_TO_OPENCV: dict[int, np.dtype[Any]] = {
    1: np.dtype(np.uint8),
    2: np.dtype(np.int16),
    4: np.dtype(np.int32),
}


class LookUp:
    """Looks whole pictures up in a table.

    It keeps its working memory for the next frame, so it is not safe to share between threads.
    """

    def __init__(self, table: Unsigned) -> None:
        """Take a table: (256,) for codes of 8 bits, (65536,) for codes of 16."""
        self._table = _known_to_opencv(table)
        self._by_opencv = len(table) == 256 or _OPENCV_LOOKS_UP_16_BITS
        self._indices = ReusableBuffer(np.intp)
        # What was written last, as it is and as OpenCV knows it: to make a view takes its time.
        self._out: Unsigned | None = None
        self._known: npt.NDArray[Any] = np.empty(0, np.uint8)

    def __call__(self, codes: Unsigned, out: Unsigned) -> int:
        """Write table[codes] to `out`.

        Args:
            codes: (H, W) uint8 or uint16.
            out: (H, W) of the table's dtype, C-contiguous.

        Returns:
            How many of them are 0.
        """
        if out is not self._out:
            self._out, self._known = out, _known_to_opencv(out)
        if self._by_opencv:
            cv2.LUT(codes, self._table, self._known)
        else:
            self._take(codes)
        return codes.size - cv2.countNonZero(self._known)

    def _take(self, codes: Unsigned) -> None:
        indices = self._indices.of(codes.shape)
        np.copyto(indices, codes)
        # Any mode but "raise", which copies `out`: no code lies outside of its table.
        np.take(self._table, indices, out=self._known, mode="clip")


def count_zeros(values: Unsigned) -> int:
    """How many of (H, W) values are 0."""
    return values.size - cv2.countNonZero(_known_to_opencv(values))


def _known_to_opencv(values: Unsigned) -> npt.NDArray[Any]:
    """The same bits in a type that OpenCV knows: no version counts uint16, and 4 has no uint32."""
    return values.view(_KNOWN_TO_OPENCV[values.itemsize])
