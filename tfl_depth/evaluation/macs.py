"""How much a network computes, in multiply-accumulates (MACs).

A convolution or a dense layer takes one MAC for each element of its kernel at each position that
the kernel is laid on: those of its output, for a transposed convolution those of its input. Padding
counts like pixels. Biases, normalization, activations, pooling, additions and resizing count
nothing. `tfl_depth.converters.tflite_graph` counts a .tflite file by the same definition.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers

from tfl_depth.models.keras_graph import inner_layers, run_graph

_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")
_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)


def count_macs(model: keras.Model) -> int | None:
    """MACs of one inference, of a batch of one where the model leaves the batch open.

    Args:
        model: a graph of layers; models nested in it are counted as well, and a layer that is used
            twice counts twice.

    Returns:
        The number, or None where it cannot be known: the model takes images of any size, or a layer
        (attention, a recurrent one, one that wraps others) does not show where its kernels go.
    """
    if any(None in tensor.shape[1:] for tensor in model.inputs):
        return None
    counts: list[int | None] = []

    def run(graph: keras.Model, inputs: Any) -> Any:
        return run_graph(graph, keras.tree.flatten(inputs), call)

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, keras.Model) and hasattr(layer, "inputs"):
            return run(layer, args[0])
        # A call would leave a trace in the model's graph.
        outputs = layer.compute_output_spec(*args, **kwargs)
        counts.append(_layer_macs(layer, args, outputs))
        return outputs

    run(model, [keras.KerasTensor((t.shape[0] or 1, *t.shape[1:]), t.dtype) for t in model.inputs])
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _layer_macs(layer: Any, args: tuple[Any, ...], outputs: Any) -> int | None:
    if _is_opaque(layer):
        return None
    weights = _kernel_size(layer)
    if weights == 0:
        return 0
    shape = (args[0] if isinstance(layer, _TRANSPOSED) else outputs).shape
    channels = 1 if getattr(layer, "data_format", None) == "channels_first" else -1
    return None if None in shape else weights * (math.prod(shape) // shape[channels])


def _is_opaque(layer: Any) -> bool:
    """Whether the layer has kernels that are laid on positions which it does not show."""
    if isinstance(layer, layers.EinsumDense):
        return True
    inner = inner_layers(layer) if isinstance(layer, layers.Layer) else ()
    return any(_kernel_size(each) for each in inner)


def _kernel_size(layer: Any) -> int:
    return sum(math.prod(getattr(layer, name).shape) for name in _KERNELS if hasattr(layer, name))
