"""What INT8 costs a stranger with trained weights, in millimeters and by ground truth."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.networks.measure import converted, difference, int8_depth, keras_depth, read_photos
from tests.networks.stranger import Stranger
from tests.networks.train import in_meters, predictor
from tfl_depth.converters.representative import split_images
from tfl_depth.data import DATASETS, load_split
from tfl_depth.data.datasets import photos
from tfl_depth.evaluation.bootstrap import paired_change
from tfl_depth.evaluation.evaluate import Predictor, evaluate, runner_predictor
from tfl_depth.runtime import DepthRunner

SAMPLES = 100


def measure_trained(stranger: Stranger, data: Path, trained: Path) -> tuple[bytes, dict[str, Any]]:
    """Convert a network that `tests.networks.train` wrote, and evaluate it on validation photos.

    Args:
        stranger: of Keras.
        data: holds the dataset's folder.
        trained: holds NAME.json and NAME.weights.h5.

    Returns:
        The model, and its figures.
    """
    facts = json.loads((trained / f"{stranger.name}.json").read_text())
    size, dataset = tuple(facts["size"]), facts["dataset"]
    network = stranger.build(size, facts["width"])
    network.load_weights(trained / f"{stranger.name}.weights.h5")
    images = split_images(photos(dataset, data / dataset, "train"), samples=SAMPLES)
    model = converted(stranger, network, images).model
    pixels = read_photos(photos(dataset, data / dataset, "val"), size)
    found = difference(keras_depth(stranger, network, pixels), int8_depth(model, pixels))
    samples = load_split(dataset, data / dataset, "val")

    def abs_rel(predict: Predictor) -> list[float]:
        return [row["abs_rel"] for row in evaluate(predict, samples, DATASETS[dataset])]

    fp32 = abs_rel(predictor(in_meters(stranger, network), size))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        file.write_bytes(model)
        with DepthRunner(file) as runner:
            int8 = abs_rel(runner_predictor(runner))
    change = paired_change(fp32, int8)
    return model, {
        "size": size,
        "width": facts["width"],
        "dataset": dataset,
        **asdict(found),
        "fp32": sum(fp32) / len(fp32),
        "int8": sum(int8) / len(int8),
        "change": asdict(change),
    }
