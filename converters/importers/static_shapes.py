"""Replaces open sizes of a .tflite by static ones: batch 1, and a height and width."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tfl_depth.converters.graph import Graph, write_graph
from tfl_depth.converters.importers.base import Size
from tfl_depth.errors import ConversionError

_PHOTO_CHANNELS = 3


def input_shape(declared: tuple[int, ...], name: str, size: Size | None) -> tuple[int, ...]:
    """Return the static shape, (1, H, W, 3) or (1, 3, H, W).

    Args:
        declared: with -1 or None for open sizes.
        name: of the network, for messages.
        size: (height, width) that the user chose.

    Raises:
        ConversionError: it is not an image of three channels, or the size is unknown or differs.
    """
    sides = image_axes(declared, name)
    own = tuple(declared[axis] for axis in sides)
    # Older converters write 1 for an open size.
    is_open = own == (1, 1) or any(side is None or side < 0 for side in own)
    if is_open and size is None:
        raise ConversionError(f"{name} takes any size. Choose one with --size HxW.")
    if not is_open and size is not None and size != own:
        raise ConversionError(
            f"{name} was made for {own[0]}x{own[1]} (height x width), not for {size[0]}x{size[1]}: "
            "export it for that size, or omit --size."
        )
    chosen = list(declared)
    chosen[0] = 1
    for axis, side in zip(sides, own if size is None else size, strict=True):
        chosen[axis] = side
    return tuple(chosen)


def image_axes(shape: tuple[int, ...], name: str) -> tuple[int, int]:
    """Return the axes of height and width.

    Raises:
        ConversionError: it is not an image of three channels.
    """
    if len(shape) == 4 and shape[3] == _PHOTO_CHANNELS:
        return 1, 2
    if len(shape) == 4 and shape[1] == _PHOTO_CHANNELS:
        return 2, 3
    shown = ", ".join("?" if side is None or side < 0 else str(side) for side in shape)
    raise ConversionError(
        f"Expected {name} to take one image, (batch, H, W, 3) or (batch, 3, H, W); its input is "
        f"({shown})."
    )


def make_static(graph: Graph, shape: tuple[int, ...], name: str) -> None:
    """Set each tensor's shape for an input of `shape`, in place.

    Raises:
        ConversionError: the network does not support that shape.
    """
    (first,) = graph.inputs.values()
    if first.shape == shape and not _has_open_shapes(graph):
        return
    shapes = _measured_shapes(write_graph(graph), shape, name)
    for place, tensor in enumerate(graph.tensors()):
        if not tensor.is_constant and place in shapes:
            tensor.shape = shapes[place]


def _has_open_shapes(graph: Graph) -> bool:
    """Whether a shape depends on computed values."""
    return any(operator.kind == "SHAPE" for operator in graph.operators)


def _measured_shapes(content: bytes, shape: tuple[int, ...], name: str) -> dict[int, Any]:
    try:
        interpreter = Interpreter(
            model_content=content,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            experimental_preserve_all_tensors=True,
        )
        details = interpreter.get_input_details()[0]
        interpreter.resize_tensor_input(details["index"], shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(details["index"], np.zeros(shape, details["dtype"]))
        interpreter.invoke()
    except (RuntimeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        height, width = (shape[axis] for axis in image_axes(shape, name))
        raise ConversionError(
            f"{name} cannot take {height}x{width} (height x width) in a batch of 1. Most networks "
            f"need multiples of 32. The interpreter reports: {reason}"
        ) from error
    found = interpreter.get_tensor_details()
    return {detail["index"]: tuple(map(int, detail["shape"])) for detail in found}
