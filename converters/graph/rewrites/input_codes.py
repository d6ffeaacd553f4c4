"""The new input of a network, which int8 codes can represent exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph.rewrites.input_affine import Affine, Values

# Tolerance, as a share of the step of a pixel.
_NEGLIGIBLE, _HALF = 1e-3, 0.501


@dataclass(frozen=True)
class Codes:
    """The graph's new input as a function of pixels: scale * (pixel - zero).

    Attributes:
        scale: above 0.
        zero: the pixel that becomes 0, the value of padding.
    """

    scale: float
    zero: int

    def of(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Compute the new input (1, H, W, 3) from pixels (H, W, 3)."""
        return (self.scale * (pixels[None].astype(np.float64) - self.zero)).astype(np.float32)

    def rest(self, affine: Affine) -> tuple[Values, Values]:
        """Return scale and offset of each channel, from the new input to normalized pixels."""
        return affine.scale / self.scale, affine.offset + affine.scale * self.zero

    def equals(self, affine: Affine, within: float = _NEGLIGIBLE) -> bool:
        """Whether the new input equals the normalized pixels, within a share of a pixel's step."""
        factor, shift = self.rest(affine)
        close = (
            np.abs(255 * (factor - 1)).max() <= within
            and np.abs(shift).max() <= within * self.scale
        )
        return bool(affine.keeps_colors and close)

    def nearly_equals(self, affine: Affine) -> bool:
        """Whether it equals them within half a step, the rounding of a zero point."""
        return self.equals(affine, _HALF)

    def keeps_zero(self, affine: Affine) -> bool:
        """Whether 0 of the new input means 0 of the normalized pixels."""
        _, shift = self.rest(affine)
        return bool(np.abs(shift).max() <= _NEGLIGIBLE * np.abs(affine.scale).max())


def codes_for(affines: list[Affine]) -> Codes:
    """Choose the best new input for tensors of normalized pixels."""
    scale = np.concatenate([affine.scale for affine in affines])
    offset = np.concatenate([affine.offset for affine in affines])
    scale, offset = scale[scale != 0], offset[scale != 0]
    zeros = -offset / scale
    return Codes(float(np.abs(scale).mean()), int(np.clip(np.rint(zeros.mean()), 0, 255)))
