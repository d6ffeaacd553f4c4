"""Train a stranger of Keras: python -m tests.networks.train NAME --data DIR --output FOLDER.

DIR holds `nyuv2` and `redkitchen`. It writes FOLDER/NAME.weights.h5, FOLDER/NAME.keras (with what
its user knows inside: from pixels of 0 to 255 to meters) and FOLDER/NAME.json. What was interrupted
goes on after its last whole epoch when the command is given again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from tests.networks.stranger import Stranger
from tests.networks.strangers import stranger_named
from tfl_depth.data import DATASETS, load_split
from tfl_depth.data.augment import Augmentation
from tfl_depth.data.batches import Batches, at_size_of
from tfl_depth.evaluation.evaluate import Predictor, evaluate
from tfl_depth.evaluation.metrics import mean_over_images
from tfl_depth.losses import log_l1_with_gradient
from tfl_depth.runtime.fit import DEFAULT_FIT, depth_in_frame, fit_frame, fit_pixels

# Zoom helps where scenes are many and photos are few.
AUGMENTATION = Augmentation(max_zoom=1.3)
BATCH = 8


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--dataset", default="nyuv2", choices=("nyuv2", "redkitchen"))
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--size", type=_size, default=(192, 256), help="HEIGHTxWIDTH")
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--width", type=float, default=1.0, help="share of the channels")
    parser.add_argument("--frozen-until", help="train this layer and those behind it")
    options = parser.parse_args(argv)
    options.output.mkdir(parents=True, exist_ok=True)
    train(stranger_named(options.name), options)


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    return int(height), int(width)


def train(stranger: Stranger, options: argparse.Namespace) -> None:
    """Train, measure on the validation split, and write the weights and the figures."""
    keras.utils.set_random_seed(0)
    network = stranger.build(options.size, options.width)
    _freeze(network, options.frozen_until)
    model = in_meters(stranger, network)
    folder = options.data / options.dataset
    samples = load_split(options.dataset, folder, "train", for_training=True)
    batches = Batches(samples, options.size, BATCH, augmentation=AUGMENTATION)
    steps = options.epochs * len(batches)
    schedule = keras.optimizers.schedules.CosineDecay(
        options.rate / 10, steps, warmup_target=options.rate, warmup_steps=min(100, steps // 10)
    )
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=1e-4, clipnorm=1.0),
        lambda true, found: log_l1_with_gradient(at_size_of(true, found), found),
        jit_compile=False,
    )
    state = keras.callbacks.BackupAndRestore(options.output / f"{stranger.name}.state")
    each_epoch = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, _logs: batches.start_epoch(epoch)
    )
    model.fit(
        batches, epochs=options.epochs, shuffle=False, verbose=2, callbacks=[state, each_epoch]
    )
    network.save_weights(options.output / f"{stranger.name}.weights.h5")
    model.save(options.output / f"{stranger.name}.keras", include_optimizer=False)
    figures = mean_over_images(
        evaluate(
            predictor(model, options.size),
            load_split(options.dataset, folder, "val"),
            DATASETS[options.dataset],
        )
    )
    facts = {name: getattr(options, name) for name in ("dataset", "size", "width", "epochs")}
    (options.output / f"{stranger.name}.json").write_text(json.dumps({**facts, "val": figures}))
    print(figures)


def _freeze(network: keras.Model, until: str | None) -> None:
    """Leave ImageNet's weights in the layers before this one: the finest, which cost most."""
    names = [layer.name for layer in network.layers]
    for layer in network.layers[: 0 if until is None else names.index(until)]:
        layer.trainable = False


def in_meters(stranger: Stranger, network: keras.Model) -> keras.Model:
    """From pixels of 0 to 255 to meters."""
    pixels = keras.Input(network.input_shape[1:])
    depth = stranger.depth_of(network(stranger.as_input(pixels)))
    return keras.Model(pixels, stranger.to_meters(depth))


def predictor(model: keras.Model, size: tuple[int, int]) -> Predictor:
    """Depth of a photo by a network `in_meters`, enlarged to the photo's size."""

    def predict(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        place = fit_frame((rgb.shape[0], rgb.shape[1]), size, DEFAULT_FIT)
        pixels = fit_pixels(rgb, place).astype(np.float32)[None]
        depth = np.asarray(model.predict_on_batch(pixels))
        return depth_in_frame(depth.reshape(depth.shape[1:3]), place)

    return predict


if __name__ == "__main__":
    main()
