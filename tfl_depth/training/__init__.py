"""Training: the recipe, the loop, and the files of a run."""

from tfl_depth.training.loop import train
from tfl_depth.training.train_config import TrainConfig

__all__ = ["TrainConfig", "train"]
