"""Real RGB-D data: one sample type, a module for each layout on disk, and the training pipeline."""

from tfl_depth.data.datasets import DATASETS, Dataset, DatasetName, load_split, open_split, photos
from tfl_depth.data.frames import Frames
from tfl_depth.data.samples import Sample
from tfl_depth.intrinsics import Intrinsics

__all__ = [
    "DATASETS",
    "Dataset",
    "DatasetName",
    "Frames",
    "Intrinsics",
    "Sample",
    "load_split",
    "open_split",
    "photos",
]
