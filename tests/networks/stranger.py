"""What is known of a network that comes from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Size = tuple[int, int]
Floats = npt.NDArray[np.float32]
Triple = tuple[float, float, float]

# As torchvision has them, of pixels from 0 to 1.
IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
IMAGENET: dict[str, Any] = {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}
ZERO_TO_ONE: dict[str, Any] = {"input_range": (0.0, 1.0)}


def _as_it_is(output: Any) -> Any:
    return output


def _finest(maps: list[Any]) -> Any:
    return max(maps, key=lambda each: each.shape[1] * each.shape[2])


@dataclass(frozen=True)
class Stranger:
    """A depth network, and what its user knows of it.

    Attributes:
        name: of the function that builds it.
        after: the public work that it follows.
        head: how depth comes from the last linear operator, in prose.
        build: from (height, width) and the share of its channels to a network of the framework.
        size: (height, width) that it is tested at.
        width: share of its channels that it is tested with.
        max_depth_m: the end of its range.
        y: what its last linear operator, "head", is to give for near and for far, so that random
            weights give depths over the range; None: it has no such operator.
        framework: "keras", "torch" or "keras2".
        input_range: what it takes for a pixel of 0 and of 255, where it takes one range for all
            channels.
        mean, std: of pixels from 0 to 1, where it takes (pixel / 255 - mean) / std.
        options: more options of `convert`.
        to_meters: from its (first) output to meters.
        refused: what the refusal says, where it is one.
    """

    name: str
    after: str
    head: str
    build: Callable[[Size, float], Any]
    max_depth_m: float
    y: tuple[float, float] | None
    size: Size = (64, 96)
    width: float = 0.25
    framework: str = "keras"
    input_range: tuple[float, float] | None = None
    mean: Triple | None = None
    std: Triple | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    to_meters: Callable[[Any], Any] = _as_it_is
    refused: str | None = None

    def depth_of(self, outputs: Any) -> Any:
        """The depth among the outputs, which may be one, several, or a dictionary of them."""
        if isinstance(outputs, dict):
            name = self.options.get("output_name")
            return _finest(list(outputs.values())) if name is None else outputs[name]
        return _finest(list(outputs)) if isinstance(outputs, list | tuple) else outputs

    def as_input(self, pixels: Any) -> Any:
        """What the network takes for pixels from 0 to 255."""
        if self.mean is not None and self.std is not None:
            mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
            return (pixels / 255 - mean) / std
        low, high = self.input_range or (0.0, 255.0)
        return pixels * np.float32((high - low) / 255) + np.float32(low)


def scaled(channels: int, width: float) -> int:
    """A narrower network's channels: a multiple of 8."""
    return max(8, round(channels * width / 8) * 8)


def repeated(count: int, width: float) -> int:
    """A shallower network's number of blocks."""
    return max(1, round(count * width))
