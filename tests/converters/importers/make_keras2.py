"""Runs in the environment of Keras 2: networks as .h5, .keras and SavedModel, and what they give.

python make_keras2.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras as keras
from tf_keras import layers

SIZE = (32, 48)


def network(*, size: tuple[int | None, int | None] = SIZE, lambdas: bool = False) -> Any:
    """Augmentation, a convolution, batch norm, an upsampling; outputs not in order of names."""
    keras.utils.set_random_seed(0)
    image = keras.Input((*size, 3))
    x = layers.RandomFlip()(layers.Rescaling(1 / 255)(image))
    if lambdas:
        x = layers.Lambda(lambda pixels: pixels * 2)(x)
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dropout(0.5)(layers.BatchNormalization()(x))
    fine = layers.Conv2D(1, 1, name="z_fine", dtype="float32")(layers.UpSampling2D()(x))
    coarse = layers.Conv2D(1, 1, name="a_coarse", dtype="float32")(x)
    return keras.Model(image, [fine, coarse])


def main(folder: Path) -> None:
    """Write all files."""
    image = np.random.default_rng(0).integers(0, 256, (1, *SIZE, 3)).astype(np.float32)
    np.save(folder / "image.npy", image)
    model = network()
    np.savez(folder / "net.npz", *[each.numpy() for each in model(image, training=False)])
    model.save(folder / "net.h5")
    model.save(folder / "net.keras")
    model.save(folder / "net", save_format="tf")
    network(size=(None, None)).save(folder / "any_size.h5")
    network(lambdas=True).save(folder / "lambda.h5")
    model.save_weights(folder / "weights.h5")
    model.get_layer("a_coarse").bias.assign([np.inf])
    model.save(folder / "inf.h5")
    keras.mixed_precision.set_global_policy("mixed_float16")
    network().save(folder / "mixed.h5")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
