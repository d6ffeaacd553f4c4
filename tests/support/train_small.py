"""Train the small network of test_training.py in a process of its own: DATA RUN."""

import sys
from pathlib import Path

from tests.training.test_training import RECIPE, small_net
from tfl_depth.training import loop

setattr(loop, "depth_net", small_net)  # noqa: B010 - it is not exported
loop.train(RECIPE, Path(sys.argv[1]), Path(sys.argv[2]))
