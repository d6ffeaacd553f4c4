"""A float .tflite becomes an int8 file by itself: no TensorFlow, no Keras, any Python from 3.10."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.converters.head.networks import RELU, Net
from tfl_depth.converters.graph import Graph, GraphRunner, write_graph
from tfl_depth.runtime import DepthRunner
from tfl_depth.tools.cli import main

SIZE = (64, 96)
FRAMEWORKS = ("tensorflow", "keras", "tf_keras", "torch", "jax")


@pytest.fixture
def without_frameworks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Imports of them fail, as where they are not installed."""
    for name in FRAMEWORKS:
        monkeypatch.setitem(sys.modules, name, None)


def network() -> Graph:
    """Depth of 0 to 10 m, after two convolutions of the pixels divided by 255."""
    net = Net(SIZE)
    features = net.conv(net.binary("MUL", net.image, 1 / 255), 8, 3, activation=RELU)
    logits = net.conv(net.conv(features, 8, 3, activation=RELU))
    return net.finish(depth=net.binary("MUL", net.unary("LOGISTIC", logits), 10.0))


def write_pictures(folder: Path, count: int) -> list[Path]:
    """Smooth pictures of random colors."""
    folder.mkdir()
    random = np.random.default_rng(0)
    paths = [folder / f"{number:02}.png" for number in range(count)]
    for path in paths:
        coarse = random.integers(0, 256, (6, 9, 3), np.uint8)
        cv2.imwrite(str(path), cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC))
    return paths


@pytest.mark.usefixtures("without_frameworks")
def test_a_float_tflite_is_converted_and_run(tmp_path: Path) -> None:
    graph = network()
    (source, output) = tmp_path / "net.tflite", tmp_path / "int8.tflite"
    source.write_bytes(write_graph(graph))
    photos = write_pictures(tmp_path / "photos", 30)
    options = ["--representative", str(tmp_path / "photos"), "--max-depth", "10"]
    assert main(["convert", str(source), "--int8", *options, "--output", str(output)]) in (0, None)
    bgr = cv2.imread(str(photos[0]))
    assert bgr is not None
    pixels = bgr[None, ..., ::-1].astype(np.float32)
    found = GraphRunner(graph)({graph.inputs["image"]: pixels})[graph.outputs["depth"]]
    expected_mm = cv2.resize(1000 * found[0, ..., 0], SIZE[::-1])
    with DepthRunner(output) as runner:
        depth_mm = runner.infer(photos[0]).astype(float)
    assert np.ptp(expected_mm) > 300
    assert np.median(np.abs(depth_mm - expected_mm)) < 5
