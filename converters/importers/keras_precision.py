"""Computation of half-precision Keras models in float32 during tracing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from tfl_depth.errors import ConversionError


@contextlib.contextmanager
def in_float32(model: Any, name: str) -> Iterator[None]:
    """Make all layers compute in float32 inside the context. Weights and policies are kept.

    Args:
        model: a Keras model.
        name: for messages.

    Raises:
        ConversionError: a layer is quantized.
    """
    layers = list(_all_layers(model))
    policies = [layer.dtype_policy for layer in layers]
    for layer, policy in zip(layers, policies, strict=True):
        if policy.quantization_mode is not None:
            raise ConversionError(
                f"{name} is quantized already, in layer {layer.name}. Pass the float network."
            )
    try:
        for layer, policy in zip(layers, policies, strict=True):
            if policy.compute_dtype in ("float16", "bfloat16"):
                _set_policy(layer, _float32_on(policy.variable_dtype))
        yield
    finally:
        for layer, policy in zip(layers, policies, strict=True):
            _set_policy(layer, policy)


def _all_layers(model: Any) -> Iterator[Any]:
    return iter(model._flatten_layers(include_self=True, recursive=True))


def _float32_on(variable_dtype: str) -> Any:
    """Return a policy that computes in float32, with weights of any precision."""
    import keras

    policy = keras.DTypePolicy("float32")
    # Keras casts weights if this differs from the compute dtype.
    policy._variable_dtype = variable_dtype
    return policy


def _set_policy(layer: Any, policy: Any) -> None:
    # The attribute that `call` reads. The setter of some layers refuses or rebuilds.
    layer._dtype_policy = policy
