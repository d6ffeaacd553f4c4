"""Train the small network of test_training.py in a process of its own: DATA RUN."""

import sys
from pathlib import Path

import pytest

from tests.training.test_training import RECIPE, small_net, train_eagerly
from tfl_depth.training import loop

with pytest.MonkeyPatch.context() as patch:
    patch.setattr(loop, "depth_net", small_net)
    train_eagerly(patch)
    loop.train(RECIPE, Path(sys.argv[1]), Path(sys.argv[2]))
