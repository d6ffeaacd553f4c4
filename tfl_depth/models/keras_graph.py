"""The graph of layers of a Keras model, from Keras' private interface.

Keras 3 has no public interface for it. Only this module uses the private one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras


def producer(tensor: keras.KerasTensor) -> Any:
    """Return the layer that computes a tensor."""
    return tensor._keras_history.operation


def producer_input(tensor: keras.KerasTensor) -> Any:
    """Return the first input of the layer that computes a tensor.

    A shared layer has several inputs. This is the one of the call that computes the tensor.
    """
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index].input_tensors[0]


def run_layers(model: keras.Model, inputs: Sequence[Any], call: Callable[..., Any]) -> Any:
    """Run a model's graph, with `call(layer, *inputs, **options)` in place of each layer."""
    flat = keras.Model(model.inputs, model.outputs)
    return flat._run_through_graph(inputs, call_fn=call)


def inner_layers(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """Yield the layers inside a layer, at any depth."""
    yield from layer._flatten_layers(include_self=False)
