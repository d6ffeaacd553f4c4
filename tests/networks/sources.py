"""A stranger's file, and the depth that its own framework gives, whatever that is."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tests.networks.calibrate import calibrated
from tests.networks.measure import Pixels, as_maps, keras_depth
from tests.networks.stranger import Floats, Stranger
from tfl_depth.converters.importers.environments import KERAS2, TORCH, python_of

ROOT = Path(__file__).resolve().parents[2]
CALIBRATION_PHOTOS = 8


@dataclass(frozen=True)
class SourceNetwork:
    """A network as its users have it.

    Attributes:
        files: of one network, by their format; a Keras model stands for itself.
        depth_m: (n, h, w), what its framework gives for the photos.
    """

    files: dict[str, Any]
    depth_m: Floats


def keras_network(stranger: Stranger, pixels: Pixels, width: float | None = None) -> keras.Model:
    """A network of Keras with random weights, its statistics from the first of these photos."""
    keras.utils.set_random_seed(0)
    size = (pixels.shape[1], pixels.shape[2])
    network = stranger.build(size, stranger.width if width is None else width)
    return calibrated(stranger, network, pixels[:CALIBRATION_PHOTOS].astype(np.float32))


def source_network(stranger: Stranger, pixels: Pixels, folder: Path) -> SourceNetwork:
    """Build a stranger with random weights.

    Args:
        stranger: of any framework.
        pixels: photos (n, H, W, 3) to compute the depth of; the first give the statistics.
        folder: for the files of frameworks that are not here.

    Raises:
        ConversionError: there is no environment of the framework.
    """
    if stranger.framework == "keras":
        network = keras_network(stranger, pixels)
        return SourceNetwork({"keras": network}, keras_depth(stranger, network, pixels))
    if stranger.framework == "torch":
        return _made_elsewhere(stranger, pixels, folder, python_of(TORCH), ("pt2", "onnx"))
    return _made_elsewhere(stranger, pixels, folder, python_of(KERAS2), ("h5",))


def _made_elsewhere(
    stranger: Stranger, pixels: Pixels, folder: Path, python: Path, suffixes: Sequence[str]
) -> SourceNetwork:
    np.save(folder / "pixels.npy", pixels.astype(np.float32))
    module = f"tests.networks.{stranger.framework}_files"
    done = subprocess.run(
        [python, "-m", module, stranger.name, folder],
        cwd=ROOT,
        # What these frameworks warn of is not the tests' to mend.
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        errors="replace",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    path = folder / stranger.name
    files: dict[str, Any] = {suffix: path.with_suffix(f".{suffix}") for suffix in suffixes}
    if path.is_dir():
        files["saved_model"] = path
    return SourceNetwork(files, as_maps(stranger, np.load(path.with_suffix(".npy"))))
