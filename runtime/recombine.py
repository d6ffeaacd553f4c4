"""From the network's output tensors to millimetres."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.contract import Contract
from tfl_depth.encoding import Decoder, DepthMm, decode_float, depth_dtype
from tfl_depth.errors import SelfCheckError

# A correct kernel disagrees nowhere; a picture of which this share contradicts itself is garbage.
MAX_DISAGREEMENT = 0.01


class Recombiner:
    """Decodes what the contract describes; its tables are built once."""

    def __init__(self, contract: Contract, scales: Mapping[str, tuple[float, int]]) -> None:
        """Build the tables.

        Args:
            contract: says which outputs there are and what they mean.
            scales: quantisation (scale, zero point) of each output; scale 0 for float32.
        """
        self._contract = contract
        self._scales = scales
        self._decoder = Decoder(contract.spans)
        self.dtype = depth_dtype(contract.spans)

    def __call__(self, outputs: Mapping[str, npt.NDArray[Any]]) -> DepthMm:
        """Millimetres (H, W) of output tensors (1, H, W, 1), by name.

        Raises:
            SelfCheckError: the two tensors of a split contradict each other.
        """
        grids = {name: tensor[0, ..., 0] for name, tensor in outputs.items()}
        if self._contract.head == "single":
            return self._in_millimetres(self._dequantised(grids["depth"]))
        integer, fractional = grids["integer"], grids["fractional"]
        if integer.dtype == np.uint8:
            return self._from_codes(integer, fractional)
        return self._in_millimetres(decode_float(integer, fractional, self._decoder.spans))

    def _from_codes(
        self, integer: npt.NDArray[np.uint8], fractional: npt.NDArray[np.uint8]
    ) -> DepthMm:
        depth_mm = self._decoder.decode(integer, fractional)
        # Contradicting codes decode to 0: only where there is a 0 need the costlier question be
        # asked. (countNonZero knows no unsigned 16 or 32 bits.)
        if cv2.countNonZero(depth_mm.view(f"i{depth_mm.itemsize}")) < depth_mm.size:
            self._refuse_garbage(self._decoder.disagreement(integer, fractional))
        return depth_mm

    def _refuse_garbage(self, disagreement: npt.NDArray[np.bool_]) -> None:
        share = float(np.mean(disagreement))
        if share > MAX_DISAGREEMENT:
            raise SelfCheckError(
                f"The integer and the fractional tensor contradict each other on {share:.0%} of "
                "the pixels: the interpreter or its delegate computes this model wrongly."
            )

    def _in_millimetres(self, depth_m: npt.NDArray[np.float64]) -> DepthMm:
        # What is not a number is no depth.
        depth_m = np.clip(np.nan_to_num(depth_m, nan=0.0), 0, self._contract.max_depth_m)
        return np.rint(1000 * depth_m).astype(self.dtype)

    def _dequantised(self, grid: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        scale, zero_point = self._scales["depth"]
        # Widen first: the difference of two uint8 would wrap.
        return (grid.astype(np.float64) - zero_point) * scale if scale else grid.astype(np.float64)


def enlarge(depth_mm: DepthMm, size: tuple[int, int]) -> DepthMm:
    """Resize millimetres to `size` = (height, width), bilinearly; 0 spreads and never mixes."""
    shape = (size[1], size[0])
    # OpenCV has no uint32; float32 holds every whole number of millimetres up to 16 km.
    source = depth_mm if depth_mm.dtype == np.uint16 else depth_mm.astype(np.float32)
    resized = np.rint(cv2.resize(source, shape, interpolation=cv2.INTER_LINEAR))
    if not depth_mm.all():
        whole = cv2.resize((depth_mm > 0).astype(np.float32), shape, interpolation=cv2.INTER_LINEAR)
        resized[whole < 1 - 1e-6] = 0
    return resized.astype(depth_mm.dtype)
