"""Training: a recipe, the loop that it decides, and the files that a run leaves."""

from tfl_depth.training.loop import train
from tfl_depth.training.train_config import TrainConfig

__all__ = ["TrainConfig", "train"]
