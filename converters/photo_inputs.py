"""A sequence of network inputs, computed from photos one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Input = npt.NDArray[np.float32]


class PhotoInputs(Sequence[Input]):
    """Network inputs (1, H, W, 3) float32. Only their pixels are kept, as bytes.

    Args:
        pixels: of each photo, (H, W, 3) uint8 RGB.
        as_input: converts pixels to the network's input.
    """

    def __init__(self, pixels: Sequence[Pixels], as_input: Callable[[Pixels], Input]) -> None:
        self._pixels, self._as_input = pixels, as_input

    def __len__(self) -> int:
        return len(self._pixels)

    def __iter__(self) -> Iterator[Input]:
        return map(self._as_input, self._pixels)

    @overload
    def __getitem__(self, place: int) -> Input: ...
    @overload
    def __getitem__(self, place: slice) -> PhotoInputs: ...

    def __getitem__(self, place: int | slice) -> Input | PhotoInputs:
        if isinstance(place, slice):
            return PhotoInputs(self._pixels[place], self._as_input)
        return self._as_input(self._pixels[place])
