"""Options for the preprocessing of pixels outside the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfl_depth.choices import expect_choice
from tfl_depth.converters.graph.rewrites.input_affine import Affine
from tfl_depth.errors import ConversionError
from tfl_depth.runtime.preprocess import Channels


@dataclass(frozen=True)
class InputOptions:
    """Preprocessing of pixels by the program around a network.

    Attributes:
        mean, std: of pixels of 0 to 1: (pixel / 255 - mean) / std, one number or one for each
            channel, in the order of the network's channels.
        input_range: the values of pixels 0 and 255, instead of mean and std.
        channels: the order of the network's channels.

    Raises:
        ConversionError: on creation, if values are invalid or contradict each other.
    """

    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    input_range: tuple[float, float] | None = None
    channels: Channels = "rgb"

    def __post_init__(self) -> None:
        expect_choice("channels", self.channels, Channels, ConversionError)
        if self.input_range is not None:
            low, high = self.input_range
            if self.mean is not None or self.std is not None:
                raise ConversionError("Expected --input-range, or --mean and --std, not both.")
            if not (np.isfinite([low, high]).all() and low < high):
                raise ConversionError(
                    f"Expected --input-range LOW,HIGH to ascend, got {low:g},{high:g}."
                )
        _check("--mean", self.mean, 0.0)
        _check("--std", self.std, 1e-6)

    @property
    def are_given(self) -> bool:
        """Whether they define the scaling of pixels."""
        return not (self.mean is None and self.std is None and self.input_range is None)

    def affine(self) -> Affine:
        """Return the function from pixels to the network's input."""
        source = np.array([0, 1, 2] if self.channels == "rgb" else [2, 1, 0])
        if self.input_range is not None:
            low, high = self.input_range
            return Affine(source, np.full(3, (high - low) / 255), np.full(3, low))
        if not self.are_given:
            return Affine(source, np.ones(3), np.zeros(3))
        mean = np.broadcast_to(np.array([0.0] if self.mean is None else self.mean), 3)
        std = np.broadcast_to(np.array([1.0] if self.std is None else self.std), 3)
        return Affine(source, 1 / (255 * std), -mean / std)


def _check(name: str, values: Sequence[float] | None, least: float) -> None:
    if values is None:
        return
    if len(values) not in (1, 3) or not np.isfinite(values).all() or min(values) < least:
        given = ",".join(f"{value:g}" for value in values)
        raise ConversionError(
            f"Expected {name} to be 1 or 3 numbers from {least:g} on, got {given}."
        )
    if max(values) > 1:
        raise ConversionError(
            f"Expected {name} of pixels of 0 to 1, as torchvision writes it, got {max(values):g}: "
            "divide it by 255."
        )
