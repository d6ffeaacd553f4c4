"""Deploy a network of your own: from its SavedModel to an INT8 file, and to millimetres.

    python docs/examples/deploy_your_own.py SAVED_MODEL PHOTOS OUTPUT.tflite

docs/deploy.md goes through it step by step. Write your own network in place of `your_network`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tfl_depth.converters import convert, find_images, split_images, write_conversion
from tfl_depth.converters.representative import read_pixels
from tfl_depth.encoding import Spans
from tfl_depth.errors import ConversionError
from tfl_depth.runtime import DepthRunner

# Of a network that was rebuilt and the SavedModel: no more than rounding in another order.
SAME_M = 1e-3


def main(argv: list[str]) -> int:
    """Run all steps; returns the exit status."""
    saved_model, photos, output = Path(argv[0]), argv[1], Path(argv[2])
    network = your_network()
    take_weights(network, saved_model)
    images = find_images(photos)
    expect_same(network, saved_model, images[0])
    to_int8(network, images, output)
    show(output, images[0])
    return 0


def your_network() -> keras.Model:
    """A small U-Net. Layers are called as in the program that trained it."""
    pixels = keras.Input((96, 128, 3))
    x = layers.Rescaling(1 / 127.5, -1, name="normalise")(pixels)
    fine = _block(x, 16, "enc1")
    coarse = _block(fine, 32, "enc2")
    x = layers.UpSampling2D(interpolation="bilinear", name="up1")(_block(coarse, 48, "enc3"))
    x = layers.Add(name="skip2")([x, layers.Conv2D(48, 1, name="skip2_conv")(coarse)])
    x = layers.Conv2D(24, 3, padding="same", activation="relu", name="dec2")(x)
    x = layers.UpSampling2D(interpolation="bilinear", name="up2")(x)
    x = layers.Add(name="skip1")([x, layers.Conv2D(24, 1, name="skip1_conv")(fine)])
    # Metres, and nothing behind it: no sigmoid, no scaling.
    depth = layers.Conv2D(1, 3, padding="same", name="depth")(x)
    return keras.Model(pixels, depth, name="yours")


def _block(x: Any, filters: int, name: str) -> Any:
    x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(name=f"{name}_norm")(x)
    return layers.ReLU(6.0, name=f"{name}_relu6")(x)


def take_weights(network: keras.Model, saved_model: Path) -> None:
    """Fill the network with the SavedModel's variables, by their names and shapes.

    Raises:
        ConversionError: one is missing, left over, or of another shape.
    """
    loaded = tf.saved_model.load(str(saved_model))
    variables = loaded.signatures["serving_default"].variables
    values = {variable.name.removesuffix(":0"): variable.numpy() for variable in variables}
    weights = {weight.path: weight for weight in network.weights}
    if unlike := values.keys() ^ weights.keys():
        raise ConversionError(f"Not in both the SavedModel and the network: {sorted(unlike)}.")
    for name, weight in weights.items():
        if values[name].shape != tuple(weight.shape):
            raise ConversionError(
                f"Expected {name} of shape {tuple(weight.shape)}, got {values[name].shape}."
            )
        weight.assign(values[name])


def expect_same(network: keras.Model, saved_model: Path, photo: Path) -> None:
    """See that the rebuilt network computes what the SavedModel does.

    Raises:
        ConversionError: it does not: a layer is another one, or stands elsewhere.
    """
    pixels = read_pixels(photo, network.input_shape[1:3])[None].astype(np.float32)
    loaded = tf.saved_model.load(str(saved_model))  # its signature lives no longer than it does
    serve = loaded.signatures["serving_default"]
    (name,) = serve.structured_input_signature[1]
    (expected_m,) = serve(**{name: tf.constant(pixels)}).values()
    apart_m = float(np.abs(network.predict_on_batch(pixels) - expected_m.numpy()).max())
    if not apart_m < SAME_M:
        raise ConversionError(f"The network and its SavedModel differ by {apart_m:.3f} m.")
    print(f"rebuilt: differs from the SavedModel by {apart_m * 1000:.3f} mm at most")


def to_int8(network: keras.Model, images: list[Path], output: Path) -> None:
    """Convert with the exact split, verify, and write the file with its report."""
    conversion = convert(
        network,
        images=split_images(images, samples=100, seed=0),
        spans=Spans.uniform(10),
    )
    write_conversion(conversion, output, overwrite=True)
    measured = conversion.contract.verification
    print(f"INT8: {measured['median_mm']} mm from FP32 in the median, on other photos")


def show(model: Path, photo: Path) -> None:
    """What a program on the board does; it needs no TensorFlow."""
    with DepthRunner(model) as runner:
        depth_mm = runner.infer(photo)
    print(f"{photo.name}: {depth_mm.min()} to {depth_mm.max()} mm, {depth_mm.shape} pixels")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
