"""Real RGB-D data: one sample type, one loader a layout, and the training pipeline."""

from tfl_depth.data.datasets import DATASETS, Dataset, load_split
from tfl_depth.data.samples import Intrinsics, Sample

__all__ = ["DATASETS", "Dataset", "Intrinsics", "Sample", "load_split"]
