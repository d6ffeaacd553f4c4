"""The input of a study: a network, and the images to measure and to train with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.choices import expect_choice
from tfl_depth.converters.graph.rewrites.input_normalization import InputOptions
from tfl_depth.converters.head import Formula, Unit
from tfl_depth.converters.ptq.progress import Progress, silent
from tfl_depth.converters.representative import VERIFICATION_IMAGES, ImageSplit
from tfl_depth.data import DATASETS, Dataset, DatasetName, Sample, load_split, photos
from tfl_depth.errors import DatasetError, ModelFileError
from tfl_depth.listing import files_below
from tfl_depth.runtime.preprocess import Channels
from tfl_depth.strategy.results import FULL, Effort

# A dataset with a larger range has no usual range for networks.
FARTHEST_M = 100.0

# Depth on the network's own grid, (h, w) float32 meters.
Grid = npt.NDArray[np.float32]
# (H, W, 3) RGB.
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class NetworkOptions:
    """The network's input and output options, as for `convert`.

    Attributes:
        size: (height, width) to deploy for, if the network takes any size.
        output_name: of the depth among several outputs; None: the finest.
        unit, disparity, reciprocal, inverse: from the output to meters. A unit of None is meters,
            unless photos say otherwise.
        mean, std, input_range, channels: preprocessing outside of the network.
    """

    size: tuple[int, int] | None = None
    output_name: str | None = None
    unit: Unit | None = None
    disparity: tuple[float, float] | None = None
    reciprocal: float | None = None
    inverse: bool = False
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    input_range: tuple[float, float] | None = None
    channels: Channels = "rgb"

    @property
    def formula(self) -> Formula:
        """From the output to meters."""
        return Formula(self.unit or "m", self.disparity, self.reciprocal, self.inverse)

    @property
    def pixels(self) -> InputOptions:
        """The preprocessing outside of the network."""
        return InputOptions(self.mean, self.std, self.input_range, self.channels)

    def arguments(self) -> dict[str, Any]:
        """All but the size, as keyword arguments of `convert`."""
        return {name: value for name, value in asdict(self).items() if name != "size"}


@dataclass(frozen=True)
class StudyInput:
    """A network and its data.

    Attributes:
        source: the network's file or folder.
        options: how it takes pixels and what its output means.
        dataset: of the images.
        data: its folder.
        split: that is measured on; "train" calibrates and trains.
        max_depth_m: end of the range of depth.
        effort: how much work.
        progress: shows how far slow parts have come.
    """

    source: Path
    options: NetworkOptions
    dataset: Dataset
    data: Path
    split: str
    max_depth_m: float
    effort: Effort = FULL
    progress: Progress = silent

    @property
    def name(self) -> str:
        """The source's; its folder's, where it is called model.keras, as those of the zoo."""
        stem = self.source.stem
        return self.source.resolve().parent.name if stem == "model" else stem

    @cached_property
    def samples(self) -> list[Sample]:
        """The samples to measure on."""
        found = load_split(self.dataset.name, self.data, self.split)
        return _spread(found, self.effort.images)

    @cached_property
    def training(self) -> list[Sample]:
        """The training images with their truth."""
        return load_split(self.dataset.name, self.data, "train", for_training=True)

    def images(self, count: int) -> ImageSplit:
        """Photos to calibrate with, in random order, and others that the converter verifies with.

        Raises:
            DatasetError: there are fewer than two training images.
        """
        paths = photos(self.dataset.name, self.data, "train")
        order = np.random.default_rng(0).permutation(len(paths))
        count = min(count, self.effort.calibration, len(paths) - 1)
        if count < 1:
            raise DatasetError(
                f"Expected two or more training images in {self.data}, found {len(paths)}."
            )
        kept = order[max(count, len(paths) - VERIFICATION_IMAGES) :]
        return ImageSplit(
            tuple(paths[place] for place in order[:count]),
            tuple(paths[place] for place in kept),
            0,
        )

    @cached_property
    def source_sha256(self) -> str:
        """Digest of the network's file, or of all files of its folder."""
        digest = hashlib.sha256()
        for path in _files(self.source):
            digest.update(path.read_bytes())
        return digest.hexdigest()

    @cached_property
    def sha256(self) -> str:
        """Digest of everything that the results depend on: network, options, images and truth."""
        asked = f"{self.source_sha256} {self.options} {self.max_depth_m} {self.effort}"
        digest = hashlib.sha256(asked.encode())
        for sample in self.samples:
            digest.update(sample.rgb.tobytes())
            digest.update(np.where(sample.valid, sample.depth_m, 0).tobytes())
        return digest.hexdigest()


def _files(source: Path) -> Iterator[Path]:
    if source.is_dir():
        yield from files_below(source)
    else:
        yield source


def _spread(samples: Sequence[Sample], most: int) -> list[Sample]:
    places = np.linspace(0, len(samples) - 1, min(most, len(samples))).astype(int)
    return [samples[place] for place in np.unique(places)]


def open_study_input(
    source: Path,
    dataset: DatasetName,
    data: Path,
    split: str,
    *,
    options: NetworkOptions | None = None,
    max_depth_m: float | None = None,
    effort: Effort = FULL,
    progress: Progress = silent,
) -> StudyInput:
    """Check the user's names. Nothing large is read yet.

    Args:
        source: a network of any format that `convert` takes.
        dataset: a name in `DATASETS`.
        data: its folder.
        split: to measure on.
        options: how the network takes pixels and what its output means.
        max_depth_m: end of the range of depth; None: the dataset's.
        effort: how much work.
        progress: shows how far slow parts have come.

    Raises:
        ModelFileError: there is no such network.
        DatasetError: an unknown dataset, or one without a range of its own.
    """
    if not source.exists():
        raise ModelFileError(f"There is no network {source}.")
    expect_choice("dataset", dataset, DatasetName, DatasetError)
    spec = DATASETS[dataset]
    if max_depth_m is None and spec.max_depth_m > FARTHEST_M:
        raise DatasetError(
            f"The dataset {dataset} has a range of {spec.max_depth_m:g} m: give --max-depth, the "
            "largest depth of the network."
        )
    chosen = spec.max_depth_m if max_depth_m is None else max_depth_m
    given = options or NetworkOptions()
    return StudyInput(source, given, spec, data, split, chosen, effort, progress)
