"""Batches for `keras.Model.fit` on any backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tfl_depth.data.augment import Augmentation, augmented, plain
from tfl_depth.data.samples import Sample
from tfl_depth.data.shrink import Shrinking, shrunken

__all__ = ["Batches"]

Floats = npt.NDArray[np.float32]
# Lowest and highest weight of the first image in a mixture of two.
MIXED_WEIGHTS = (0.3, 0.7)


def at_size_of(depth: Any, other: Any) -> Any:
    """Depth (B, H, W, C) at the smaller size of `other`: single pixels, without interpolation."""
    step = depth.shape[1] // other.shape[1]
    return depth[:, ::step, ::step]


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Samples in memory, shuffled and augmented differently in each epoch.

    The same seed gives the same batches. The random numbers of a sample depend on (seed, epoch,
    sample) alone, not on the order in which workers ask. So a resumed run sees the same batches as
    one without an interruption. Call `fit` with `shuffle=False`; otherwise it shuffles the batches
    by the global generator.

    With a `share` of (index, count), each batch is only the index-th of its count parts. Several
    hosts with a part each see the batches of one host.

    With a `teacher`, pixels -> depth, each batch also holds the teacher's depth of the same pixels.
    `mixed_share` of the images are mixed with another image of the batch and have no true depth.

    Images are shown smaller (`shrinking`) after that, so the teacher sees them in full size.
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
        teacher: Callable[[Floats], Floats] | None = None,
        mixed_share: float = 0.0,
        shrinking: Shrinking | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._samples = samples
        self._size = size
        self._batch_size = batch_size
        self._augmentation = augmentation
        self._seed = seed
        self._share = share
        self._teacher = teacher
        self._mixed_share = mixed_share
        self._shrinking = shrinking
        self.start_epoch(0)

    def __len__(self) -> int:
        """Number of batches in an epoch. Training leaves out an incomplete last one."""
        whole, rest = divmod(len(self._samples), self._batch_size)
        return whole if self._augmentation else whole + bool(rest)

    def __getitem__(self, index: int) -> tuple[Floats, Floats]:
        """Pixels (B, H, W, 3) 0 to 255 and depth in meters, 0 = not valid.

        Depth is (B, H, W, 1), or with a teacher (B, h, w, 2) on its grid: true and taught.
        """
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        part, parts = self._share
        chosen = chosen[part * len(chosen) // parts : (part + 1) * len(chosen) // parts]
        pairs = [self._pair(int(i)) for i in chosen]
        pixels, depth_m = np.stack([p for p, _ in pairs]), np.stack([d for _, d in pairs])
        if self._teacher is not None:
            pixels, depth_m = self._taught(pixels, depth_m, index)
        return self._shrunken(pixels, depth_m, chosen)

    def _shrunken(
        self, pixels: Floats, depth_m: Floats, chosen: npt.NDArray[np.intp]
    ) -> tuple[Floats, Floats]:
        """Show some of the images smaller."""
        if self._shrinking is None:
            return pixels, depth_m
        pairs = [
            # The fourth number makes them different from the augmentation's.
            shrunken(p, d, self._shrinking, np.random.default_rng((self._seed, self._epoch, i, 1)))
            for p, d, i in zip(pixels, depth_m, chosen.tolist(), strict=True)
        ]
        return np.stack([p for p, _ in pairs]), np.stack([d for _, d in pairs])

    def _taught(self, pixels: Floats, depth_m: Floats, index: int) -> tuple[Floats, Floats]:
        """Mix some of the images, and add the teacher's depth of all."""
        assert self._teacher is not None  # noqa: S101 - for mypy
        # The fourth number makes them different from every sample's.
        rng = np.random.default_rng((self._seed, self._epoch, index, 0))
        one_each = (len(pixels), 1, 1, 1)
        weight = rng.uniform(*MIXED_WEIGHTS, one_each).astype(np.float32)
        mixed = rng.random(one_each) < self._mixed_share
        mixture = np.rint(weight * pixels + (1 - weight) * np.roll(pixels, 1, axis=0))
        pixels = np.where(mixed, mixture, pixels)
        taught_m = self._teacher(pixels)
        true_m = at_size_of(np.where(mixed, np.float32(0), depth_m), taught_m)
        return pixels, np.concatenate([true_m, taught_m], axis=-1)

    def start_epoch(self, epoch: int) -> None:
        """Shuffle and augment for this epoch, counted from 0.

        Call it before each epoch. Keras' own hooks cannot count epochs: with TensorFlow,
        `on_epoch_end` is also called once before the first epoch.
        """
        self._epoch = epoch
        self._order = np.arange(len(self._samples))
        if self._augmentation:
            np.random.default_rng((self._seed, epoch)).shuffle(self._order)

    def _pair(self, i: int) -> tuple[Floats, Floats]:
        if not self._augmentation:
            return plain(self._samples[i], self._size)
        rng = np.random.default_rng((self._seed, self._epoch, i))
        return augmented(self._samples[i], self._size, self._augmentation, rng)
