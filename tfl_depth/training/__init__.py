"""Training: a recipe, the loop that it decides, and the files that a run leaves."""

from tfl_depth.training.loop import train
from tfl_depth.training.recipe import Recipe

__all__ = ["Recipe", "train"]
