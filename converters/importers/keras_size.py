"""The input size of Keras models, and the same network at another size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tfl_depth.converters.importers.base import Size
from tfl_depth.errors import ConversionError
from tfl_depth.quiet import quiet

_ANY = (None, None, None, 3)


def declared_shape(model: Any, name: str) -> tuple[Any, ...]:
    """Return the shape of the model's only input, with None for open sizes.

    Raises:
        ConversionError: it has several inputs.
    """
    inputs = getattr(model, "inputs", None)
    if not inputs:
        return _built_shape(model)
    if len(inputs) != 1:
        raise ConversionError(
            f"Expected {name} to have one input, an image; it has {len(inputs)}: "
            f"{', '.join(tensor.name for tensor in inputs)}."
        )
    return tuple(inputs[0].shape)


def _built_shape(model: Any) -> tuple[Any, ...]:
    """Return the shape that a subclassed model was built with; others may be possible."""
    found = getattr(model, "_build_shapes_dict", None) or {}
    shapes = [value for value in found.values() if isinstance(value, list | tuple)]
    if len(shapes) == 1 and len(shapes[0]) == 4:
        return (shapes[0][0], None, None, shapes[0][3])
    return _ANY


def at_size(model: Any, size: Size, name: str) -> Any:
    """Return the network for another size; the same object if it has that size already.

    Raises:
        ConversionError: the network does not support the size.
    """
    if tuple(model.inputs[0].shape[1:3]) == size:
        return model
    config = model.get_config()
    _set_sizes(config, size, nested=False)
    try:
        with quiet():
            other = type(model).from_config(config)
            other.set_weights(model.get_weights())
    except (ValueError, TypeError, KeyError) as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), "no reason")
        raise ConversionError(
            f"{name} cannot take {size[0]}x{size[1]} (height x width). Most networks need "
            f"multiples of 32. Keras reports: {reason}"
        ) from error
    return other


def _set_sizes(config: Any, size: Size, *, nested: bool) -> None:
    """Change the shapes of input layers in a configuration, in place."""
    for layer in _layer_configs(config):
        inner = layer.get("config", {})
        if layer.get("class_name") == "InputLayer":
            for key in ("batch_shape", "batch_input_shape"):
                shape = inner.get(key)
                if shape is not None and len(shape) == 4:
                    sides = (None, None) if nested else size
                    inner[key] = [shape[0], *sides, shape[3]]
        elif isinstance(inner, dict) and "layers" in inner:
            _set_sizes(inner, size, nested=True)
        layer.pop("build_config", None)


def _layer_configs(config: Any) -> Iterator[dict[str, Any]]:
    return (layer for layer in config.get("layers", ()) if isinstance(layer, dict))
