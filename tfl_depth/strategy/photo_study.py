"""The sources of a network's error on photos without truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfl_depth.converters.photo_inputs import PhotoInputs
from tfl_depth.converters.ptq.progress import Progress, silent
from tfl_depth.converters.representative import ImageSplit, read_calibration, read_pixels
from tfl_depth.recipes import RECIPES
from tfl_depth.strategy.calibrated_graph import calibrated_graph
from tfl_depth.strategy.fake_quant_model import FakeQuantModel
from tfl_depth.strategy.study_input import NetworkOptions, Pixels
from tfl_depth.strategy.study_network import ImportRecord, StudyNetwork


@dataclass(frozen=True)
class PhotoStudy:
    """A float network whose kernels and feature maps can be quantized one by one, and its photos.

    Attributes:
        model: with ranges of minimum and maximum.
        inputs: of its graph, the photos to measure on.
    """

    model: FakeQuantModel
    inputs: PhotoInputs


def study_photos(
    model: bytes, photos: ImageSplit, *, max_depth_m: float, progress: Progress = silent
) -> PhotoStudy:
    """Calibrate a float network for simulations.

    Args:
        model: a float .tflite that takes pixels from 0 to 255 and returns meters.
        photos: some to calibrate with, others to measure on.
        max_depth_m: end of the depth range.
        progress: shows the progress.

    Raises:
        ConversionError: a photo is unreadable, or the network cannot have the split.
    """
    network = StudyNetwork(
        model, NetworkOptions(), ImportRecord("tflite", "tflite", 0.0), _reader(photos)
    )
    as_input = network.opened().stage.network_input
    calibrated = calibrated_graph(
        network,
        PhotoInputs(network.read_photos(network.size), as_input),
        head="split",
        max_depth_m=max_depth_m,
        recipe=RECIPES["minmax"],
        per_channel=True,
        progress=progress,
    )
    shown = _pixels(photos.verification, network.size)
    return PhotoStudy(
        FakeQuantModel(calibrated.headed, calibrated.ranges), PhotoInputs(shown, as_input)
    )


def _reader(photos: ImageSplit) -> Callable[[tuple[int, int]], list[Pixels]]:
    return lambda size: list(read_calibration(photos, size))


def _pixels(paths: Sequence[Path], size: tuple[int, int]) -> list[Pixels]:
    return [read_pixels(path, size) for path in paths]
