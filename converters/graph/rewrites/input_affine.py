"""A network's own normalization of pixels, channel by channel: pixel * scale + offset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.fusion import fused_activation
from tfl_depth.converters.graph.movement import computed_inputs, moved_from

Values = npt.NDArray[np.float64]
Three = tuple[float, float, float]


@dataclass(frozen=True)
class Affine:
    """Each channel of a tensor as a channel of the pixels, scaled and shifted.

    Attributes:
        source: (channels,), the channel of the pixels: 0 red, 1 green, 2 blue.
        scale, offset: (channels,).
    """

    source: npt.NDArray[np.intp]
    scale: Values
    offset: Values

    def then(self, scale: Values, offset: Values) -> Affine:
        """Apply another scale and offset after it."""
        return Affine(self.source, self.scale * scale, self.offset * scale + offset)

    def picked(self, channels: npt.NDArray[np.intp]) -> Affine:
        """Select channels, in this order."""
        return Affine(self.source[channels], self.scale[channels], self.offset[channels])

    def by_color(self) -> tuple[Three, Three]:
        """Return scale and offset of red, green and blue; 1 and 0 for a missing color."""
        scale, offset = np.ones(3), np.zeros(3)
        scale[self.source], offset[self.source] = self.scale, self.offset
        red, green, blue = zip(scale.tolist(), offset.tolist(), strict=True)
        return (red[0], green[0], blue[0]), (red[1], green[1], blue[1])

    @property
    def keeps_colors(self) -> bool:
        """Whether the channels are red, green and blue."""
        return bool(np.array_equal(self.source, [0, 1, 2]))


@dataclass(frozen=True)
class Use:
    """An operator that uses normalized pixels and is not part of the normalization."""

    operator: Operator
    tensor: Tensor


def find_uses(graph: Graph, image: Tensor, first: Affine) -> tuple[dict[Tensor, Affine], list[Use]]:
    """Follow the pixels through the network's own normalization.

    Args:
        graph: a network.
        image: its input.
        first: from pixels to the input.

    Returns:
        The affine function of the pixels for every tensor of the normalization, and the operators
        that use the normalized pixels.
    """
    known = {image: first}
    uses = []
    for operator in graph.operators:
        taken = [tensor for tensor in computed_inputs(operator) if tensor in known]
        if not taken:
            continue
        results = _followed(operator, known)
        known.update(results)
        if not results:
            uses += [Use(operator, tensor) for tensor in taken]
    return known, uses


def _followed(operator: Operator, known: dict[Tensor, Affine]) -> dict[Tensor, Affine]:
    """Return the affine functions of an operator's results; empty if it is not affine."""
    inputs = computed_inputs(operator)
    if fused_activation(operator) or any(tensor not in known for tensor in inputs):
        return {}
    if operator.kind in ("ADD", "SUB", "MUL", "DIV"):
        result = _arithmetic(operator, known[inputs[0]]) if len(inputs) == 1 else None
        return {} if result is None else {operator.output: result}
    if operator.kind == "CONCATENATION":
        if operator.options.axis % 4 != 3 or len(operator.output.shape) != 4:
            return {}
        parts = [known[tensor] for tensor in operator.inputs if tensor is not None]
        return {operator.output: _joined(parts)}
    found = {}
    for output in operator.outputs:
        channels = _channels(operator, output)
        if channels is None:
            return {}
        found[output] = known[inputs[0]].picked(channels)
    return found


def _arithmetic(operator: Operator, affine: Affine) -> Affine | None:
    """Return the result of an operator with one number, or one number for each channel."""
    places = [place for place, t in enumerate(operator.inputs) if t is not None and t.is_constant]
    if len(places) != 1:
        return None
    number = operator.input(places[0]).constant.astype(np.float64)
    channels = affine.scale.size
    if number.size not in (1, channels) or (number.size > 1 and number.shape[-1] != channels):
        return None
    number, one = np.broadcast_to(number.ravel(), channels), np.ones(channels)
    if operator.kind == "MUL":
        return affine.then(number, 0 * one)
    if operator.kind == "ADD":
        return affine.then(one, number)
    if operator.kind == "SUB":
        return affine.then(one, -number) if places == [1] else affine.then(-one, number)
    return affine.then(1 / number, 0 * one) if places == [1] and np.all(number != 0) else None


def _joined(parts: list[Affine]) -> Affine:
    return Affine(
        np.concatenate([part.source for part in parts]),
        np.concatenate([part.scale for part in parts]),
        np.concatenate([part.offset for part in parts]),
    )


def _channels(operator: Operator, output: Tensor) -> npt.NDArray[np.intp] | None:
    """Return the channels that an operator selects; None for other operators."""
    inputs = computed_inputs(operator)
    if len(inputs) != 1 or len(output.shape) != 4 or inputs[0].shape[:3] != output.shape[:3]:
        return None
    places = moved_from(operator, output)
    if places is None:
        return None
    pixels, channels = np.divmod(places.reshape(-1, output.shape[3]), inputs[0].shape[3])
    same = np.all(pixels == np.arange(len(pixels))[:, None]) and np.all(channels == channels[0])
    return channels[0] if same else None
