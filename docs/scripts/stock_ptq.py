"""The usual INT8 conversion: TensorFlow Lite's own converter with a representative data set."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np

from tfl_depth.runtime.engines.interpreter import open_interpreter
from tfl_depth.strategy.study_input import Grid, Pixels


def stock_int8(checkpoint: Path, photos: Sequence[Pixels], *, per_channel: bool) -> bytes:
    """Convert a Keras network for one photo, as TensorFlow's guide to quantization does.

    Args:
        checkpoint: a .keras file of a network from pixels (1, H, W, 3) to depth (1, h, w, 1).
        photos: (H, W, 3) of 0 to 255, the representative data set.
        per_channel: one weight scale for each output channel of a kernel; otherwise one for the
            kernel.

    Returns:
        A .tflite file with int8 input, output and operators.
    """
    import keras
    import tensorflow as tf

    def representative() -> Iterator[list[Grid]]:
        for photo in photos:
            yield [photo[None].astype(np.float32)]

    loaded = keras.saving.load_model(checkpoint, compile=False)
    # With any number of photos, what reshapes them has no fixed shape, and an NPU needs one.
    pixels = keras.Input(batch_shape=(1, *loaded.input_shape[1:]))
    network = keras.Model(pixels, loaded(pixels))
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    # TensorFlow has no public name for it.
    converter._experimental_disable_per_channel = not per_channel
    # Keras prints all tensors of what it exports; TensorFlow warns of what calibration will know.
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return bytes(converter.convert())


def stock_depth(model: bytes, max_depth_m: float, photos: Sequence[Pixels]) -> Iterator[Grid]:
    """Depth (h, w) in meters, cut to 0 to `max_depth_m`, of photos (H, W, 3) of its size."""
    interpreter = open_interpreter(model)
    (given,), (made,) = interpreter.get_input_details(), interpreter.get_output_details()
    for photo in photos:
        interpreter.set_tensor(given["index"], _quantized(photo, *given["quantization"])[None])
        interpreter.invoke()
        scale, zero = made["quantization"]
        codes = interpreter.get_tensor(made["index"])[0, ..., 0].astype(np.float32)
        yield np.clip((codes - zero) * scale, 0, max_depth_m).astype(np.float32)


def _quantized(photo: Pixels, scale: float, zero: int) -> np.typing.NDArray[np.int8]:
    codes = np.rint(photo.astype(np.float32) / scale) + zero
    return np.asarray(np.clip(codes, -128, 127), np.int8)
