"""Batches for `keras.Model.fit` on any backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tfl_depth.data.augment import Augmentation, augmented, plain
from tfl_depth.data.samples import Sample


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Samples in memory, shuffled and augmented anew each epoch, the same for the same seed.

    The random numbers of a sample depend on (seed, epoch, sample) alone, not on the order in
    which workers ask, so a run that is taken up again sees what it would have seen. Give them to
    `fit` with `shuffle=False`: it would shuffle the batches by the global generator.

    With a `share` of (index, count), each batch is only its index-th part of count: what one of
    several hosts reads, that together see the batches of one.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        size: tuple[int, int],
        batch_size: int,
        *,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        share: tuple[int, int] = (0, 1),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._samples = samples
        self._size = size
        self._batch_size = batch_size
        self._augmentation = augmentation
        self._seed = seed
        self._share = share
        self.start_epoch(0)

    def __len__(self) -> int:
        """Batches an epoch; in training the incomplete last one is left out."""
        whole, rest = divmod(len(self._samples), self._batch_size)
        return whole if self._augmentation else whole + bool(rest)

    def __getitem__(self, index: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Pixels (B, H, W, 3) 0 to 255 and depth (B, H, W, 1) in metres, 0 = not valid."""
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        part, parts = self._share
        chosen = chosen[part * len(chosen) // parts : (part + 1) * len(chosen) // parts]
        pairs = [self._pair(int(i)) for i in chosen]
        return np.stack([p for p, _ in pairs]), np.stack([d for _, d in pairs])

    def start_epoch(self, epoch: int) -> None:
        """Shuffle and augment as in this epoch, counted from 0.

        To be called before each. Keras' own hooks cannot count: on TensorFlow, `on_epoch_end` is
        called once before the first epoch, too.
        """
        self._epoch = epoch
        self._order = np.arange(len(self._samples))
        if self._augmentation:
            np.random.default_rng((self._seed, epoch)).shuffle(self._order)

    def _pair(self, i: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        if not self._augmentation:
            return plain(self._samples[i], self._size)
        rng = np.random.default_rng((self._seed, self._epoch, i))
        return augmented(self._samples[i], self._size, self._augmentation, rng)
