"""A real, if small, convolutional network to convert, with depths of 0 to 10 m on photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
from keras import layers

from tests.support.photos import write_photos
from tfl_depth.converters.representative import read_pixels
from tfl_depth.tools.convert import main

SIZE = (64, 96)
# As the Rescaling layer of the real network: (pixel - 127) / 128.
SCALE, OFFSET = 1 / 128, -127 / 128


def small_net(
    *, rescales: bool = True, ending: Callable[[], keras.Layer] | None = None
) -> keras.Model:
    """Three convolutions with a skip; its sides must be even.

    Args:
        rescales: begin with a Rescaling layer.
        ending: what stands in place of the linear depth convolution.
    """
    pixels = keras.Input((*SIZE, 3))
    x = layers.Rescaling(SCALE, OFFSET)(pixels) if rescales else pixels
    fine = layers.Conv2D(12, 3, padding="same", activation="relu6", name="fine")(x)
    coarse = layers.Conv2D(12, 3, strides=2, padding="same", activation="relu6", name="coarse")(
        fine
    )
    x = layers.Add()([fine, layers.UpSampling2D(interpolation="bilinear")(coarse)])
    depth = (ending or depth_layer)()(x)
    return keras.Model(pixels, depth, name="small")


def depth_layer() -> keras.Layer:
    """A linear depth convolution."""
    return layers.Conv2D(1, 1, name="depth")


def seeded(model: keras.Model, photos: Sequence[Path]) -> keras.Model:
    """Give a `small_net` seeded weights, so that its depths on `photos` spread over 0 to 10 m."""
    rng = np.random.default_rng(3)
    model.set_weights([rng.normal(0, 0.3, weights.shape) for weights in model.get_weights()])
    pixels = np.stack([read_pixels(path, SIZE) for path in photos]).astype(np.float32)
    low, high = np.percentile(model.predict_on_batch(pixels), [2, 98])
    gain = 9 / (high - low)
    kernel, bias = model.get_layer("depth").get_weights()
    model.get_layer("depth").set_weights([gain * kernel, gain * (bias - low) + 0.5])
    return model


def without_rescaling(model: keras.Model) -> keras.Model:
    """The same network, that takes normalized pixels."""
    other = small_net(rescales=False)
    other.set_weights(model.get_weights())
    return other


def write_examples(folder: Path) -> Path:
    """Write `photos/`, `list.txt` of them, and the network: `small.keras`, `bare.keras`.

    The latter takes normalized pixels, and has no Rescaling layer.
    """
    photos = write_photos(folder / "photos")
    (folder / "list.txt").write_text("".join(f"photos/{path.name}\n" for path in photos))
    model = seeded(small_net(), photos)
    model.save(folder / "small.keras")
    without_rescaling(model).save(folder / "bare.keras")
    return folder


def run_convert(examples: Path, folder: Path, *arguments: str, **changes: str) -> int:
    """Run tools/convert in this process; `changes` name another model, images or output."""
    named = {
        "model": str(examples / "small.keras"),
        "representative": str(examples / "photos"),
        "output": str(folder / "model.tflite"),
        **changes,
    }
    source = ["--representative", named["representative"], "--output", named["output"]]
    return main([named["model"], *arguments, *source])
