"""A Keras model as a float .tflite, by TensorFlow's own converter."""

from __future__ import annotations

import keras

from tfl_depth.quiet import quiet


def float_tflite(model: keras.Model) -> bytes:
    """Convert a model as it is."""
    import tensorflow as tf

    with quiet():
        return bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
