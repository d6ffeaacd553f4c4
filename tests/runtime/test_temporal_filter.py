"""`stream(smooth=...)`: an exponential filter that resets where depth jumps or is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support import ramp
from tfl_depth.runtime import DepthError, DepthRunner, Smoothing
from tfl_depth.runtime.temporal_filter import TemporalFilter

NOISE_MM = 20.0


def by_pixel(values_mm: list[int], smoothing: Smoothing) -> list[int]:
    """What the filter is by definition, one pixel at a time."""
    before, given = 0.0, []
    for new in values_mm:
        jumps = abs(new - before) > smoothing.jump_percent / 100 * before
        before = float(new) if jumps else before + smoothing.weight * (new - before)
        given.append(round(before))
    return given


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
@pytest.mark.parametrize("smoothing", [Smoothing(), Smoothing(0.25, 50.0), Smoothing(1.0, 1.0)])
def test_every_pixel_is_filtered_as_defined(dtype: Any, smoothing: Smoothing) -> None:
    random = np.random.default_rng(3)
    most = 65535 if dtype == np.uint16 else 200_000
    frames = random.integers(1, most, (1, 20, 30)) * random.uniform(0.8, 1.2, (12, 20, 30))
    frames[random.random(frames.shape) < 0.2] = 0
    frames_mm = np.clip(np.rint(frames), 0, most).astype(dtype)
    smooth = TemporalFilter(smoothing, (20, 30))
    given = frames_mm.copy()
    for depth_mm in given:
        smooth(depth_mm)
    expected = np.array(
        [by_pixel([int(v) for v in pixel], smoothing) for pixel in frames_mm.reshape(12, -1).T]
    ).T.reshape(frames_mm.shape)
    # Single precision: a millimeter where the value lies half-way, and a comparison on its edge.
    close = np.abs(given.astype(np.int64) - expected) <= 1
    assert close.mean() > 0.999
    np.testing.assert_array_equal(given == 0, frames_mm == 0)


def test_noise_falls_as_documented_and_a_step_is_not_smeared() -> None:
    random = np.random.default_rng(4)
    smoothing = Smoothing()
    smooth = TemporalFilter(smoothing, (50, 50))
    given = []
    for number in range(60):
        scene_mm = 3000 if number < 50 else 2000
        depth_mm = np.rint(scene_mm + NOISE_MM * random.normal(size=(50, 50))).astype(np.uint16)
        raw_mm = depth_mm.copy()
        smooth(depth_mm)
        if number == 50:
            np.testing.assert_array_equal(depth_mm, raw_mm)
        given.append(depth_mm)
    deviation_mm = np.std(given[20:50], axis=0).mean()
    expected = NOISE_MM * np.sqrt(smoothing.weight / (2 - smoothing.weight))
    assert deviation_mm == pytest.approx(expected, rel=0.12)


def test_a_slow_change_arrives_in_the_end() -> None:
    smooth = TemporalFilter(Smoothing(0.1), (1, 1))
    for _ in range(80):
        depth_mm = np.full((1, 1), 1000, np.uint16)
        smooth(depth_mm)
        late_mm = np.full((1, 1), 1004, np.uint16)
        smooth(late_mm)
    for _ in range(80):
        depth_mm = np.full((1, 1), 1004, np.uint16)
        smooth(depth_mm)
    assert depth_mm[0, 0] == 1004


def pictures(photo: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.uint8]]:
    random = np.random.default_rng(5)
    noisy = photo + random.normal(0, 8, (10, *photo.shape))
    return list(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("size", ["image", "model"])
def test_a_stream_is_smoothed_on_the_networks_grid(
    size: Any, net: Path, photo: npt.NDArray[np.uint8]
) -> None:
    images, smoothing = pictures(photo), Smoothing(0.3, 15.0)
    with DepthRunner(net) as runner:
        plain = [runner.infer(image, size="model") for image in images]
        raw = [frame.depth_mm for frame in runner.stream(images, size=size)]
        found = [frame.depth_mm for frame in runner.stream(images, size=size, smooth=smoothing)]
        shape = runner.grid_size
    smooth = TemporalFilter(smoothing, shape)
    for depth_mm in plain:
        smooth(depth_mm)
    if size == "model":
        np.testing.assert_array_equal(found, plain)
    np.testing.assert_array_equal(found[0], raw[0])
    flicker = [np.median(np.std(depths, axis=0)) for depths in (raw, found)]
    assert flicker[1] < 0.75 * flicker[0]


def test_floats_and_single_outputs_are_smoothed_too(models: Path) -> None:
    for name in (ramp.file_name("10m-1m", "single"), ramp.file_name("10m-1m", precision="float32")):
        with DepthRunner(models / name) as runner:
            frames = list(runner.stream([ramp.image()] * 3, smooth=Smoothing()))
            np.testing.assert_array_equal(frames[2].depth_mm, runner.infer(ramp.image()))


@pytest.mark.parametrize(
    "values", [(0, 10), (-0.1, 10), (1.1, 10), (float("nan"), 10), (0.3, 0), (0.3, 100)]
)
def test_settings_out_of_range_are_refused(values: tuple[float, float]) -> None:
    with pytest.raises(DepthError, match="Expected a"):
        Smoothing(*values)


def test_a_stream_takes_nothing_else(net: Path) -> None:
    with DepthRunner(net) as runner, pytest.raises(DepthError, match="a Smoothing or None"):
        runner.stream([], smooth=0.3)  # type: ignore[arg-type]
