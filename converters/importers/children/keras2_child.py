"""Keras 2: conversion and runs by tf-keras. Works where that is, without tfl_depth."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .refused import Refused, not_finite, one_input

_EXPORT = (
    'In the program that defines it: save it with model.save("folder", save_format="tf"), and '
    "convert that folder."
)


def describe(path: str) -> dict[str, Any]:
    """The input's shape, with None for open sizes, and the outputs' names."""
    model = _load(path)
    if len(model.inputs) != 1:
        raise one_input(path, [tensor.name for tensor in model.inputs])
    for weight in model.weights:
        value = weight.numpy()
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise not_finite(path, weight.name)
    return {
        "input_shape": [None if size is None else int(size) for size in model.inputs[0].shape],
        "output_names": _output_names(model),
    }


@functools.lru_cache(1)
def _load(path: str) -> Any:
    import tf_keras

    try:
        model = tf_keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        # Damage may end in any exception: the file's content drives Keras' own constructors.
        raise Refused(_why(path, str(error))) from error
    return _in_float32(model)


def _why(path: str, text: str) -> str:
    first = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
    if "Lambda" in text or "lambda" in text or "safe_mode" in text:
        return (
            f"{path} has a Lambda layer, whose code comes with the file and is not run. {_EXPORT}"
        )
    if "Unknown layer" in text or "Could not locate" in text or "Unknown" in text[:40]:
        return f"{path} has a class that Keras 2 does not know ({first[:200]}). {_EXPORT}"
    return f"Cannot load {path} as a model of Keras 2: {first[:300]}"


def _in_float32(model: Any) -> Any:
    """The same network with all layers in float32, where some compute in half precision."""
    layers = list(model._flatten_layers())
    if all(layer.compute_dtype not in ("float16", "bfloat16") for layer in layers):
        return model
    made = type(model).from_config(_without_half(model.get_config()))
    made.set_weights(model.get_weights())
    return made


def _without_half(config: Any) -> Any:
    if isinstance(config, dict):
        return {key: _without_half(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_without_half(value) for value in config)
    half = isinstance(config, str) and config in (
        "mixed_float16",
        "mixed_bfloat16",
        "float16",
        "bfloat16",
    )
    return "float32" if half else config


def _output_names(model: Any) -> list[str]:
    names: list[str] = []
    for name in model.output_names:
        names.append(name if name not in names else f"{name}_{len(names)}")
    return names


def _function(model: Any, shape: list[int]) -> Any:
    import tensorflow as tf

    names = _output_names(model)

    def infer(pixels: Any) -> dict[str, Any]:
        return dict(zip(names, tf.nest.flatten(model(pixels, training=False)), strict=True))

    spec = tf.TensorSpec(shape, model.inputs[0].dtype, name="pixels")
    return tf.function(infer, autograph=False).get_concrete_function(spec)


def convert(path: str, shape: list[int], output: str) -> None:
    """Write a float .tflite.

    Args:
        path: the file of Keras 2.
        shape: to deploy.
        output: the .tflite to write.
    """
    import tensorflow as tf

    model = _load(path)
    function = _function(model, shape)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
    with open(output, "wb") as file:  # noqa: PTH123
        file.write(converter.convert())


def run(path: str, value: str, outputs: str) -> None:
    """Run the source.

    Args:
        path: the file of Keras 2.
        value: an .npy file of its input.
        outputs: the .npz file to write, with arr_0, arr_1, ... for the outputs in order.
    """
    model = _load(path)
    image = np.load(value)
    function = _cached_function(path, image.shape)
    found = function(image.astype(model.inputs[0].dtype.as_numpy_dtype))
    values = [found[name].numpy() for name in _output_names(model)]
    np.savez(outputs, *[np.asarray(each, np.float32) for each in values])


@functools.lru_cache(1)
def _cached_function(path: str, shape: tuple[int, ...]) -> Any:
    return _function(_load(path), list(shape))
