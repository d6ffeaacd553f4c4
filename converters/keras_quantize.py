"""The stock TensorFlow Lite converter, set up for each precision."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tfl_depth.converters.flatbuffer import with_one_scale_a_kernel
from tfl_depth.errors import ConversionError
from tfl_depth.quiet import quiet

# A batch of float32 network inputs, (1, H, W, 3).
Representative = Callable[[], Iterator[npt.NDArray[np.float32]]]


def to_tflite(
    model: keras.Model,
    *,
    precision: str,
    representative: Representative,
    per_channel: bool = True,
) -> bytes:
    """Convert a Keras model with a dict output.

    Args:
        model: static shapes, batch 1.
        precision: "int8" (every tensor int8 or int32), "int16x8" (int16
            activations, int8 weights, float32 in and out), "float16" (of weights alone, in a float
            network), or "float32".
        representative: gives the inputs to calibrate with; not asked for floats.
        per_channel: a scale for each output channel of a kernel; otherwise one for the kernel.

    Raises:
        ConversionError: TensorFlow cannot convert the model.
    """
    import tensorflow as tf
    from tensorflow.lite.python.convert_phase import ConverterError

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if precision == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    elif precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([batch] for batch in representative())
        converter.target_spec.supported_ops = [_operator_set(tf, precision)]
    if precision == "int8":
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
    try:
        with quiet(), warnings.catch_warnings():
            # It warns so at every quantized input, calibrated or not.
            warnings.filterwarnings("ignore", "Statistics for quantized inputs were expected")
            made = bytes(converter.convert())
    except (ConverterError, RuntimeError, ValueError, tf.errors.OpError) as error:
        raise ConversionError(
            f"TensorFlow cannot convert the model to {precision}: {_reason(str(error))}"
        ) from error
    # The converter's own switch is private, and nothing where all ranges are pinned.
    return made if per_channel else with_one_scale_a_kernel(made)


def _reason(text: str) -> str:
    """What the converter means, out of pages of compiler messages."""
    lacking = sorted(set(re.findall(r"'tf\.(\w+)' op is neither a custom op nor a flex op", text)))
    if lacking:
        return f"TensorFlow Lite has no operator for {', '.join(lacking)}; use other layers there."
    return next((line for line in text.splitlines() if line.strip()), "no reason given")


def _operator_set(tf: Any, precision: str) -> Any:
    if precision == "int8":
        return tf.lite.OpsSet.TFLITE_BUILTINS_INT8
    return tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
