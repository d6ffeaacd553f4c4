"""Rebuild a Keras graph with other layers in place of some, and walk along its convolutions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

# What stands in place of a layer in the rebuilt graph, or None for a copy of it.
Replace = Callable[[Any], Callable[..., Any] | None]
CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D)


def rebuilt(
    model: keras.Model, pixels: keras.KerasTensor, replace: Replace = lambda layer: None
) -> keras.Model:
    """Copy a model's layers onto another input, those of models nested in it too.

    `keras.models.clone_model` keeps nested models whole, and those their size.

    Args:
        model: a graph of layers.
        pixels: the copy's input.
        replace: what stands for a layer; where it says None, a copy with the same weights does.
    """
    originals: dict[int, Any] = {}
    copies: dict[int, Any] = {}
    names: set[str] = set()

    def renamed(layer: Any) -> Any:
        name = layer.name
        while name in names:
            name += "_"
        names.add(name)
        return layer.from_config({**layer.get_config(), "name": name})

    def copy(layer: Any) -> Any:
        if is_graph(layer):
            return layer
        if id(layer) not in copies:
            originals[id(layer)] = layer
            copies[id(layer)] = replace(layer) or renamed(layer)
        return copies[id(layer)]

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return graph(layer, args[0]) if is_graph(layer) else layer(*args, **kwargs)

    def graph(model: keras.Model, inputs: Any) -> Any:
        flat = keras.Model(model.inputs, model.outputs)
        inputs = keras.tree.flatten(inputs)
        return flat._run_through_graph(inputs, operation_fn=copy, call_fn=call)

    outputs = graph(model, pixels)
    for key, copied in copies.items():
        if type(copied) is type(originals[key]) and isinstance(copied, layers.Layer):
            copied.set_weights(originals[key].get_weights())
    return keras.Model(pixels, outputs[0] if len(outputs) == 1 else outputs, name=model.name)


def is_graph(layer: Any) -> bool:
    """Whether a layer is a model nested in another."""
    return isinstance(layer, keras.Model) and hasattr(layer, "inputs")


def convolutions(model: keras.Model) -> list[Any]:
    """Convolutions and depthwise convolutions with weights of their own, from input to output."""
    return [layer for layer in model.layers if isinstance(layer, CONVOLUTIONS)]


def only_consumer(model: keras.Model, layer: Any) -> Any | None:
    """The one layer that takes the layer's output and nothing else; None where there is none."""
    if len(_calls(model, layer)) != 1 or _is_output(model, layer):
        return None
    found = [node for node in nodes(model) if layer in _sources(node)]
    if len(found) != 1 or len(_calls(model, found[0].operation)) != 1:
        return None
    return found[0].operation if len(_sources(found[0])) == 1 else None


def nodes(model: keras.Model) -> list[Any]:
    """The calls of layers that make up a model, in an order in which they can be computed."""
    by_depth = model._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]


def _calls(model: keras.Model, layer: Any) -> list[Any]:
    return [node for node in nodes(model) if node.operation is layer]


def _sources(node: Any) -> list[Any]:
    return [tensor._keras_history.operation for tensor in node.input_tensors]


def _is_output(model: keras.Model, layer: Any) -> bool:
    return any(output._keras_history.operation is layer for output in model.outputs)
