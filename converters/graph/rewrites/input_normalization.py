"""Replaces a network's normalization of pixels by the scale and zero point of its input.

The input of an int8 network is pixel - 128. The normalization by the network, or by the program
around it, is found and folded, so that it costs nothing on the board. One scale and one offset
become those of the input's codes; other normalizations are folded into the first convolutions. If
neither is possible, one 1x1 convolution normalizes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, GraphRunner, Operator, Tensor, constant, options
from tfl_depth.converters.graph.rewrites.input_affine import Affine, find_uses
from tfl_depth.converters.graph.rewrites.input_codes import codes_for
from tfl_depth.converters.graph.rewrites.input_options import InputOptions
from tfl_depth.converters.graph.rewrites.input_plan import Plan, Way, take
from tfl_depth.errors import ConversionError

Pixels = npt.NDArray[np.uint8]
Input = npt.NDArray[np.float32]
Three = tuple[float, float, float]

# Largest change by folding at the border of a photo, as a share of the output's spread.
BORDER_LIMIT = 0.01
# Limits of the difference between pixels 255 and 0 after one normalization.
_LEAST_WIDTH, _GREATEST_WIDTH = 0.1, 400.0
_BORDER_PHOTOS = 8
__all__ = ["InputOptions", "InputStage", "take_input"]


@dataclass(frozen=True)
class InputStage:
    """The input stage of a network.

    Attributes:
        tensor: the graph's input, (1, H, W, 3) float32: scale * (pixel - zero), RGB.
        low, high: its values for pixels 0 and 255.
        scale, offset: the whole normalization of red, green and blue: pixel * scale + offset.
        way: "input scale", "folded" or "convolution".
        border_difference: the largest change by folding, at the border of a photo, as a share of
            the spread of the network's output.
        options: preprocessing by the program around the network.
        source_shape: of the source network's input.
    """

    tensor: Tensor
    low: float
    high: float
    scale: Three
    offset: Three
    way: Way
    border_difference: float
    options: InputOptions
    source_shape: tuple[int, ...]

    def source_input(self, pixels: Pixels) -> Input:
        """Compute the source network's input from pixels (H, W, 3) RGB."""
        return _source_input(self.options, self.source_shape, pixels)

    def network_input(self, pixels: Pixels) -> Input:
        """Compute the graph's input (1, H, W, 3) from pixels (H, W, 3) RGB."""
        step = (self.high - self.low) / 255
        return (step * pixels[None].astype(np.float64) + self.low).astype(np.float32)

    def take_pixels(self, graph: Graph) -> None:
        """Change a graph with this stage's input to take pixels of 0 to 255 as float32."""
        ((name, tensor),) = graph.inputs.items()
        if (self.low, self.high) == (0, 255):
            return
        pixels = Tensor(graph.unique_name("pixels"), tensor.shape, tensor.dtype)
        scaled = Tensor(graph.unique_name("pixels_scaled"), tensor.shape, tensor.dtype)
        step = constant("pixel_step", (self.high - self.low) / 255)
        low = constant("value_of_black", self.low)
        graph.operators[:0] = [
            Operator("MUL", [pixels, step], [scaled], options("MulOptions")),
            Operator("ADD", [scaled, low], [tensor], options("AddOptions")),
        ]
        graph.inputs = {name: pixels}


def take_input(
    graph: Graph,
    given: InputOptions,
    photos: Iterable[Pixels] = (),
    *,
    source_shape: tuple[int, ...] | None = None,
) -> InputStage:
    """Find a network's normalization, and make its input pixels with one scale and zero point.

    Args:
        graph: with one input (1, H, W, 3); is changed.
        given: preprocessing by the program around the network.
        photos: (H, W, 3) RGB each. If folding is not exact at the border of the image, its effect
            on these photos decides.
        source_shape: of the source network's input; None: the graph's.

    Raises:
        ConversionError: the input is not an image, or the scaling of pixels is unknown.
    """
    image = _image(graph)
    known, uses = find_uses(graph, image, given.affine())
    affines = [known[use.tensor] for use in uses]
    if not affines:
        raise ConversionError("Expected a network that uses its input, got one that ignores it.")
    _expect_plausible(given, affines[0])
    plan = Plan(image, known, tuple(uses), codes_for(affines))
    way, border = _choose(graph, plan, given, photos)
    colors = affines[0].by_color()
    return InputStage(
        tensor=take(graph, plan, way),
        low=-plan.codes.scale * plan.codes.zero,
        high=plan.codes.scale * (255 - plan.codes.zero),
        scale=colors[0],
        offset=colors[1],
        way=way,
        border_difference=border,
        options=given,
        source_shape=image.shape if source_shape is None else source_shape,
    )


def _image(graph: Graph) -> Tensor:
    inputs = list(graph.inputs.values())
    shapes = [tensor.shape for tensor in inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or (shapes[0][0], shapes[0][3]) != (1, 3):
        raise ConversionError(f"Expected a network with one input (1, H, W, 3), got {shapes}.")
    if inputs[0].dtype != np.float32:
        raise ConversionError(f"Expected an input of float32, got {inputs[0].dtype}.")
    return inputs[0]


def _expect_plausible(given: InputOptions, affine: Affine) -> None:
    """Refuse an implausible normalization."""
    width = 255 * float(np.abs(affine.scale).max())
    if not given.are_given and np.all(affine.scale == 1) and np.all(affine.offset == 0):
        raise ConversionError(
            "The network does not begin with a normalization of pixels, so its input range is "
            "unknown. Set --input-range LOW,HIGH, such as 0,1 or 0,255, or --mean and --std."
        )
    if width > _GREATEST_WIDTH:
        raise ConversionError(
            f"Black and white would differ by {width:g} in the network: it normalizes pixels of "
            "0 to 1, so set --input-range 0,1."
        )
    if width < _LEAST_WIDTH:
        raise ConversionError(
            f"Black and white would differ by {width:.2g} in the network: it normalizes pixels of "
            "0 to 255 itself, so omit --input-range, --mean and --std."
        )


def _choose(
    graph: Graph, plan: Plan, given: InputOptions, photos: Iterable[Pixels]
) -> tuple[Way, float]:
    """Choose how to fold. Return also the change at the border, as a share of the spread."""
    affines = [plan.known[use.tensor] for use in plan.uses]
    if all(plan.codes.equals(affine) for affine in affines):
        return "input scale", 0.0
    if plan.can_fold(graph):
        border = 0.0 if plan.is_exact(graph) else _border_difference(graph, plan, given, photos)
        if border <= BORDER_LIMIT:
            return "folded", border
    nearly = all(plan.codes.nearly_equals(affine) for affine in affines)
    return ("input scale" if nearly else "convolution"), 0.0


def _border_difference(
    graph: Graph, plan: Plan, given: InputOptions, photos: Iterable[Pixels]
) -> float:
    """Return the largest change of any output by folding, as a share of that output's spread."""
    folded, mine = graph.copy_with_map()
    pixels = take(folded, plan.on_copy(graph, folded, mine), "folded")
    run, run_folded = GraphRunner(graph), GraphRunner(folded)
    before, after = [], []
    for photo in list(photos)[:_BORDER_PHOTOS] or _pictures(plan.image.shape[1:3]):
        found = run({plan.image: _source_input(given, plan.image.shape, photo)})
        before.append([found[tensor].ravel() for tensor in graph.outputs.values()])
        found = run_folded({pixels: plan.codes.of(photo)})
        after.append([found[tensor].ravel() for tensor in folded.outputs.values()])
    shares = []
    for number in range(len(graph.outputs)):
        expected = np.stack([outputs[number] for outputs in before])
        found_ = np.stack([outputs[number] for outputs in after])
        low, high = np.percentile(expected, [1, 99])
        shares.append(np.abs(found_ - expected).max() / max(high - low, 1e-12))
    return float(max(shares))


def _pictures(size: tuple[int, ...]) -> list[Pixels]:
    """Make test images if there are no photos: black, white, a slope and noise."""
    height, width = size
    slope = np.linspace(0, 255, height * width).reshape(height, width, 1)
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3))
    each = [np.zeros((height, width, 3)), np.full((height, width, 3), 255), slope, noise]
    return [np.broadcast_to(picture, (height, width, 3)).astype(np.uint8) for picture in each]


def _source_input(given: InputOptions, shape: tuple[int, ...], pixels: Pixels) -> Input:
    affine = given.affine()
    values = pixels[None][..., affine.source].astype(np.float64) * affine.scale + affine.offset
    if shape[1] == 3 and shape[3] != 3:
        values = values.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(values, np.float32)
