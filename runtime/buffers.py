"""Working memory that is kept between frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


class ReusableBuffer:
    """An array that is allocated again only for another shape."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._array: npt.NDArray[Any] = np.empty(0, dtype)

    def of(self, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """Return the C-contiguous array. Its content is that of the last use."""
        if self._array.shape != shape:
            self._array = np.empty(shape, self._array.dtype)
        return self._array
