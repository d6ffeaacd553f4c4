"""The batches of a few epochs, kept in memory and repeated, for a small student."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tfl_depth.data.batches import Batches

__all__ = ["RepeatedBatches"]

Floats = npt.NDArray[np.float32]


class RepeatedBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of the first `count` epochs, then the same again and again.

    Every second round is mirrored. Pixels are kept as uint8, which they fit exactly: 160 MB an
    epoch of 627 images of 192x256.
    """

    def __init__(self, batches: Batches, count: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._batches = batches
        self._count = count
        self._kept: dict[tuple[int, int], tuple[npt.NDArray[np.uint8], Floats]] = {}
        self.start_epoch(0)

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[Floats, Floats]:
        """As `Batches`, with its shapes and units."""
        key = (self._epoch, index)
        if key not in self._kept:
            made, depth_m = self._batches[index]
            self._kept[key] = made.astype(np.uint8), depth_m
        pixels, depth_m = self._kept[key]
        step = -1 if self._mirrored else 1
        return pixels[:, :, ::step].astype(np.float32), np.ascontiguousarray(depth_m[:, :, ::step])

    def start_epoch(self, epoch: int) -> None:
        """Take the batches of this epoch, counted from 0. Call it before each epoch."""
        rounds, self._epoch = divmod(epoch, self._count)
        self._mirrored = bool(rounds % 2)
        self._batches.start_epoch(self._epoch)
