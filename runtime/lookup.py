"""Table look-ups over whole pictures. OpenCV does them if it can, since it is faster."""

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
    """Maps every code of a picture through a table.

    It keeps its working memory for the next frame. Only one thread may use it.
    """

    def __init__(self, table: Unsigned) -> None:
        """Create a look-up by a table: (256,) for 8-bit codes, (65536,) for 16-bit codes."""
        self._table = _known_to_opencv(table)
        self._by_opencv = len(table) == 256 or _OPENCV_LOOKS_UP_16_BITS
        self._indices = ReusableBuffer(np.intp)
        # The last output array, and the view of it that OpenCV gets. A new view costs time.
        self._out: Unsigned | None = None
        self._known: npt.NDArray[Any] = np.empty(0, np.uint8)

    def __call__(self, codes: Unsigned, out: Unsigned) -> int:
        """Write table[codes] to `out`.

        Args:
            codes: (H, W) uint8 or uint16.
            out: (H, W) of the table's dtype, C-contiguous.

        Returns:
            The number of zeros in `out`.
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
        # All codes lie inside the table. The default mode, "raise", would copy `out`.
        np.take(self._table, indices, out=self._known, mode="clip")


def count_zeros(values: Unsigned) -> int:
    """Count the zeros of (H, W) values."""
    return values.size - cv2.countNonZero(_known_to_opencv(values))


def _known_to_opencv(values: Unsigned) -> npt.NDArray[Any]:
    """View the same bits as a type of OpenCV. No version counts uint16; version 4 has no uint32."""
    return values.view(_KNOWN_TO_OPENCV[values.itemsize])
