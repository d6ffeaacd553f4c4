"""What the laboratory works on: a checkpoint, the images it is measured on, those to learn from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from tfl_depth.converters.prepare import Network, at_size, split_normalisation
from tfl_depth.converters.representative import ImageSplit
from tfl_depth.converters.workpiece import Progress
from tfl_depth.data import DATASETS, load_split, photos
from tfl_depth.data.datasets import Dataset
from tfl_depth.data.samples import Sample
from tfl_depth.encoding import MAX_SPANS, Spans
from tfl_depth.errors import DatasetError, ModelFileError
from tfl_depth.models import load_model
from tfl_depth.runtime.preprocess import resize_pixels
from tfl_depth.strategy.rows import STRATIFIED

# Depth on the network's own grid, (h, w) float32 metres.
Grid = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Effort:
    """How much work a run may be.

    Attributes:
        images: at most so many are measured on, spread over the split.
        calibration: at most so many calibrate.
        updates: of each network that is trained further.
        attribution: images that layers are tried on.
        quick: only the rows that are part of a quick run.
    """

    images: int = 1000
    calibration: int = 300
    updates: int = 240
    attribution: int = 24
    quick: bool = False


FULL = Effort()
QUICK = Effort(images=16, calibration=16, updates=8, attribution=4, quick=True)


@dataclass(frozen=True)
class Subject:
    """A checkpoint and its data.

    Attributes:
        checkpoint: the .keras file.
        dataset: of the images.
        data: its folder.
        split: that is measured on; "train" calibrates and trains.
        max_depth_m: range of the outputs, of whole metres.
        effort: how much work.
        progress: shows how far slow parts have come.
    """

    checkpoint: Path
    dataset: Dataset
    data: Path
    split: str
    max_depth_m: float
    effort: Effort
    progress: Progress

    @property
    def name(self) -> str:
        """Of the checkpoint: its folder's, where it is called model.keras as those of the zoo."""
        stem = self.checkpoint.stem
        return self.checkpoint.resolve().parent.name if stem == "model" else stem

    @property
    def spans(self) -> Spans:
        """Of the exact split: whole metres, as the seed project's."""
        return Spans.uniform(self.max_depth_m)

    @cached_property
    def network(self) -> Network:
        """The checkpoint's, float."""
        return split_normalisation(at_size(load_model(self.checkpoint), None))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the network's input."""
        _, height, width, _ = self.network.body.inputs[0].shape
        return height, width

    @cached_property
    def samples(self) -> list[Sample]:
        """What is measured on."""
        found = load_split(self.dataset.name, self.data, self.split)
        return _spread(found, self.effort.images)

    @cached_property
    def pixels(self) -> list[Pixels]:
        """The samples' photos as the network takes them, (height, width, 3) RGB."""
        return [resize_pixels(sample.rgb, self.size) for sample in self.samples]

    @cached_property
    def inputs(self) -> npt.NDArray[np.float32]:
        """The same, normalised: (N, height, width, 3)."""
        return np.concatenate([self.network.as_input(each, "int8") for each in self.pixels])

    @cached_property
    def sha256(self) -> str:
        """Digest of what is measured: checkpoint, images and truth."""
        digest = hashlib.sha256(self.checkpoint.read_bytes())
        for sample in self.samples:
            digest.update(sample.rgb.tobytes())
            digest.update(np.where(sample.valid, sample.depth_m, 0).tobytes())
        return digest.hexdigest()

    def images(self, count: int, selection: str) -> ImageSplit:
        """Photos to calibrate with, and the few that the converter verifies with."""
        paths = photos(self.dataset.name, self.data, "train")
        order = (
            self._by_depth if selection == STRATIFIED else np.random.default_rng(0).permutation
        )(len(paths))
        count = min(count, self.effort.calibration, len(paths) - 1)
        if count < 1:
            raise DatasetError(f"Expected two or more training images in {self.data}.")
        return ImageSplit(
            tuple(paths[i] for i in order[:count]), tuple(paths[i] for i in order[-2:]), 0
        )

    def _by_depth(self, _count: int) -> npt.NDArray[np.intp]:
        """Training images so ordered that the first few are spread over all median depths."""
        medians = [np.median(sample.depth_m[sample.valid]) for sample in self.training]
        return np.argsort(medians)[_bit_reversed(len(medians))]

    @cached_property
    def training(self) -> list[Sample]:
        """The training images with their truth."""
        return load_split(self.dataset.name, self.data, "train", for_training=True)

    def training_inputs(self, count: int) -> npt.NDArray[np.float32]:
        """The first training photos, normalised: (N, height, width, 3)."""
        pixels = [resize_pixels(sample.rgb, self.size) for sample in self.training[:count]]
        return np.concatenate([self.network.as_input(each, "int8") for each in pixels])


def _spread(samples: Sequence[Sample], most: int) -> list[Sample]:
    places = np.unique(np.linspace(0, len(samples) - 1, min(most, len(samples))).astype(int))
    return [samples[place] for place in places]


def _bit_reversed(count: int) -> list[int]:
    """0 ... count - 1, so that any first part of it is spread evenly (van der Corput)."""
    bits = max(1, (count - 1).bit_length())
    turned = (int(f"{i:0{bits}b}"[::-1], 2) for i in range(2**bits))
    return [i for i in turned if i < count]


def depth_of(model: keras.Model, inputs: npt.NDArray[np.float32]) -> list[Grid]:
    """What a network with one output says: a grid for each input."""
    return list(np.asarray(model.predict(inputs, 8, verbose=0), np.float32)[..., 0])


def open_subject(
    checkpoint: Path,
    dataset: str,
    data: Path,
    split: str,
    effort: Effort,
    progress: Progress,
    max_depth_m: float | None = None,
) -> Subject:
    """Look at what the user names; read nothing large yet.

    Args:
        checkpoint: a .keras file.
        dataset: a name in `DATASETS`.
        data: its folder.
        split: to measure on.
        effort: how much work.
        progress: shows how far slow parts have come.
        max_depth_m: range of the outputs; None: the dataset's.

    Raises:
        DatasetError: an unknown dataset, or a range that whole metres do not divide.
        ModelFileError: there is no such checkpoint.
    """
    if not checkpoint.is_file():
        raise ModelFileError(f"There is no checkpoint {checkpoint}.")
    if dataset not in DATASETS:
        raise DatasetError(f"Expected a dataset of {', '.join(DATASETS)}, got {dataset!r}.")
    spec = DATASETS[dataset]
    chosen = max_depth_m or spec.max_depth_m
    if chosen != round(chosen) or chosen > MAX_SPANS:
        raise DatasetError(
            f"Expected a range of 1 to {MAX_SPANS} whole metres, got {chosen:g}: say another with "
            "--max-depth."
        )
    return Subject(checkpoint, spec, data, split, chosen, effort, progress)
