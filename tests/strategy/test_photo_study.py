"""The sources of a network's error on photos without truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.strategy.small_study import MAX_DEPTH_M, SIZE, study_network, write_study
from tfl_depth.converters import split_images
from tfl_depth.converters.representative import read_pixels
from tfl_depth.errors import ConversionError
from tfl_depth.strategy.deviation import median_mm
from tfl_depth.strategy.photo_study import study_photos


def test_it_measures_what_int8_costs_on_photos(tmp_path: Path) -> None:
    study_input = write_study(tmp_path)
    photos = split_images(sorted((study_input.data / "rgb").iterdir()), samples=12)
    made = study_photos(study_input.source.read_bytes(), photos, max_depth_m=MAX_DEPTH_M)
    floats = made.model.depth(made.inputs)
    pixels = [read_pixels(path, SIZE) for path in photos.verification]
    found = study_network(study_input).depth(pixels)
    expected = [np.clip(each, 0, np.float32(MAX_DEPTH_M)) for each in found]
    assert median_mm(expected, floats) < 1
    # The filter that is much too large spoils the weights of all others of its kernel.
    alone_mm = [
        median_mm(floats, made.model.depth(made.inputs, kernels=[each], per_channel=False))
        for each in made.model.kernels
    ]
    assert max(alone_mm) > 10 * min(alone_mm)


def test_a_photo_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    study_input = write_study(tmp_path)
    photos = split_images(sorted((study_input.data / "rgb").iterdir()), samples=12)
    photos.verification[0].write_bytes(b"no photo")
    with pytest.raises(ConversionError, match=photos.verification[0].name):
        study_photos(study_input.source.read_bytes(), photos, max_depth_m=MAX_DEPTH_M)
