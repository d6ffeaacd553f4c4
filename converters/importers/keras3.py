"""Keras 3 models: .keras and .h5 files, and model objects."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tfl_depth.converters.importers.archives import PYTORCH_EXPORT
from tfl_depth.converters.importers.base import ImportedNetwork, Size
from tfl_depth.converters.importers.keras_loading import load
from tfl_depth.converters.importers.keras_precision import in_float32
from tfl_depth.converters.importers.keras_size import at_size, declared_shape
from tfl_depth.converters.importers.kinds import Kind
from tfl_depth.converters.importers.static_shapes import image_axes, input_shape
from tfl_depth.errors import ConversionError
from tfl_depth.quiet import quiet

_MODEL_OBJECT = Kind("keras_model", "keras")


def import_file(path: Path, kind: Kind, size: Size | None) -> ImportedNetwork:
    """Import a file of Keras 3.

    Raises:
        ConversionError: Keras cannot load it, or it cannot be converted.
    """
    return _import(load(path), kind, str(path), size)


def import_model(model: Any, *, size: Size | None = None) -> ImportedNetwork:
    """Import a model object of Keras 3.

    Raises:
        ConversionError: it is not a model, has no weights yet, or cannot be converted.
    """
    keras = sys.modules.get("keras")  # loaded already if there is a Keras model
    if keras is None or not isinstance(model, keras.Model):
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        # Modules of PyTorch have this attribute. PyTorch is not imported here.
        hint = (
            PYTORCH_EXPORT
            if hasattr(model, "load_state_dict")
            else "Save the network to a file, and pass its path."
        )
        raise ConversionError(
            f"Expected a path, the bytes of a .tflite or a Keras 3 model, got {kind}. {hint}"
        )
    return _import(model, _MODEL_OBJECT, f"The model {model.name!r}", size)


def _import(model: Any, kind: Kind, name: str, size: Size | None) -> ImportedNetwork:
    with quiet():
        from tfl_depth.converters.importers.tensorflow_lite import import_function
    _expect_tensorflow()
    if not model.weights:
        raise ConversionError(f"{name} has no weights. Call it on an image, and train it, first.")
    _refuse_not_finite(model, name)
    declared = declared_shape(model, name)
    is_open = None in (declared[axis] for axis in image_axes(declared, name))
    shape = input_shape(declared, name, size if is_open else None)
    if size is not None and not is_open:
        model, shape = at_size(model, size, name), (1, *size, shape[-1])
    with in_float32(model, name):
        function, names = _traced(model, shape, name)
        return import_function(function, model, names, kind, name)


def _expect_tensorflow() -> None:
    import keras

    if keras.config.backend() != "tensorflow":
        raise ConversionError(
            f"Expected Keras to run on TensorFlow, it runs on {keras.config.backend()}: set "
            "KERAS_BACKEND=tensorflow."
        )


def _refuse_not_finite(model: Any, name: str) -> None:
    import numpy as np

    for weight in model.weights:
        value = np.asarray(weight)
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ConversionError(
                f"{name} has weights that are NaN or infinite, in {weight.path}: the training "
                "diverged. Take an earlier checkpoint."
            )


def _traced(model: Any, shape: tuple[int, ...], name: str) -> tuple[Any, list[str]]:
    """Return the model for inference as a concrete function, and its outputs' names."""
    import tensorflow as tf

    names: list[str] = []

    def infer(pixels: Any) -> dict[str, Any]:
        outputs = _named(model(pixels, training=False), model)
        names[:] = outputs
        return outputs

    spec = tf.TensorSpec(shape, _input_dtype(model), name="pixels")
    try:
        with quiet():
            function = tf.function(infer, autograph=False).get_concrete_function(spec)
    except (ValueError, TypeError, AttributeError, tf.errors.OpError) as error:
        height, width = shape[1:3]
        reason = next((line for line in str(error).splitlines() if line.strip()), "no reason")
        raise ConversionError(
            f"{name} cannot take {height}x{width} (height x width). Most networks need multiples "
            f"of 32. Keras reports: {reason}"
        ) from error
    return function, names


def _input_dtype(model: Any) -> str:
    inputs = getattr(model, "inputs", None)
    return str(inputs[0].dtype) if inputs else "float32"


def _named(outputs: Any, model: Any) -> dict[str, Any]:
    """Return outputs by unique names, in the model's order."""
    if isinstance(outputs, dict):
        pairs = [(str(key), value) for key, value in outputs.items()]
    else:
        listed = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
        known = getattr(model, "output_names", None) or []
        if len(known) != len(listed):
            known = [f"output_{place}" for place in range(len(listed))]
        pairs = list(zip(known, listed, strict=True))
    named: dict[str, Any] = {}
    for key, value in pairs:
        named[key if key not in named else f"{key}_{len(named)}"] = value
    return named
