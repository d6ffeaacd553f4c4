"""Working memory that outlives a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


class ReusableBuffer:
    """An array that is made anew only when another shape is asked for."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._array: npt.NDArray[Any] = np.empty(0, dtype)

    def of(self, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """The array, C-contiguous, holding whatever was written to it last."""
        if self._array.shape != shape:
            self._array = np.empty(shape, self._array.dtype)
        return self._array
