"""The computation of a network in multiply-accumulates (MACs).

A convolution or a dense layer has one MAC for each element of its kernel at each position of its
output, or of its input for a transposed convolution. Padding counts like pixels. Biases,
normalization, activations, pooling, additions and resizing do not count.
`tfl_depth.converters.tflite_facts` counts the MACs of a .tflite file by the same definition.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers

from tfl_depth.models.keras_graph import inner_layers, run_layers

_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")
_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)


def count_macs(model: keras.Model) -> int | None:
    """MACs of one inference, with a batch of one if the model has no fixed batch.

    Args:
        model: a graph of layers. Nested models count too, and a layer that is used twice counts
            twice.

    Returns:
        The number, or None if it is unknown: the model takes images of any size, or the positions
        of a layer's kernels are unknown (attention, recurrent layers, wrappers).
    """
    if any(None in tensor.shape[1:] for tensor in model.inputs):
        return None
    counts: list[int | None] = []

    def run(graph: keras.Model, inputs: Any) -> Any:
        return run_layers(graph, keras.tree.flatten(inputs), call)

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, keras.Model) and hasattr(layer, "inputs"):
            return run(layer, args[0])
        # A call would change the model's graph.
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
    """Whether the layer has kernels whose positions are unknown."""
    if isinstance(layer, layers.EinsumDense):
        return True
    inner = inner_layers(layer) if isinstance(layer, layers.Layer) else ()
    return any(_kernel_size(each) for each in inner)


def _kernel_size(layer: Any) -> int:
    return sum(math.prod(getattr(layer, name).shape) for name in _KERNELS if hasattr(layer, name))
