"""Make the files of a Keras 2 stranger, where that is: python -m tests.networks.keras2_files.

    NAME FOLDER   reads FOLDER/pixels.npy, photos (n, H, W, 3) from 0 to 255

It writes FOLDER/NAME.h5, the SavedModel FOLDER/NAME, and NAME.npy: the outputs for the photos.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras as keras

from tests.networks.keras2_strangers import KERAS2
from tests.networks.random_weights import gain_and_offset
from tests.networks.stranger import Stranger


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args(argv)
    (stranger,) = (each for each in KERAS2 if each.name == options.name)
    pixels = np.load(options.folder / "pixels.npy")
    keras.utils.set_random_seed(0)
    network = stranger.build(pixels.shape[1:3], stranger.width)
    inputs = stranger.as_input(pixels)
    calibrate(stranger, network, inputs)
    network.save(options.folder / f"{stranger.name}.h5")
    network.save(options.folder / stranger.name, save_format="tf")
    np.save(options.folder / f"{stranger.name}.npy", network(inputs, training=False))


def calibrate(stranger: Stranger, network: Any, inputs: Any) -> None:
    """Give batch normalization the statistics of photos, and the head its range."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network(inputs, training=True)
    head = network.get_layer("head")
    found = np.asarray(keras.Model(network.input, head.output)(inputs, training=False))
    assert stranger.y is not None
    gain, offset = gain_and_offset(found[..., 0], stranger.y)
    head.gamma.assign(gain * head.gamma)
    head.beta.assign(gain * head.beta + offset)


if __name__ == "__main__":
    main()
