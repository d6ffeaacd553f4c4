"""The depth of teacher networks, which a student learns in addition to the true depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from tfl_depth.errors import ModelFileError
from tfl_depth.losses import MIN_DEPTH_M

Images = npt.NDArray[np.float32]
Teacher = Callable[[Images], Images]


class Teachers:
    """An ensemble: the geometric mean of the networks' depths for an image and its mirror image.

    After G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural Network" (2015).
    """

    def __init__(self, checkpoints: Sequence[Path]) -> None:
        """Load the networks.

        Args:
            checkpoints: .keras files of networks with the student's input.

        Raises:
            ModelFileError: a file cannot be read.
        """
        self._networks = [_load(path) for path in checkpoints]

    def __call__(self, pixels: Images) -> Images:
        """Depth (B, h, w, 1) in meters of pixels (B, H, W, 3), 0 to 255."""
        both_ways = np.concatenate([pixels, pixels[:, :, ::-1]])
        log = np.mean([_log_depth(network, both_ways) for network in self._networks], axis=0)
        direct, mirrored = np.split(log, 2)
        return np.asarray(np.exp((direct + mirrored[:, :, ::-1]) / 2), np.float32)


def _load(path: Path) -> keras.Model:
    try:
        return keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, TypeError) as error:
        raise ModelFileError(f"Expected the teacher {path} to be a .keras file: {error}") from error


def _log_depth(network: keras.Model, pixels: Images) -> Images:
    depth_m = np.asarray(network.predict_on_batch(pixels), np.float32)
    return np.log(np.maximum(depth_m, np.float32(MIN_DEPTH_M)))
