"""The part of an image that an evaluation protocol uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Crop:
    """A window: rows from top to before bottom, columns from left to before right.

    Attributes:
        top, bottom, left, right: in pixels of an image of the size `of`.
        of: (height, width); (1, 1) if the values are shares of the image.
    """

    top: float
    bottom: float
    left: float
    right: float
    of: tuple[int, int] = (1, 1)

    def mask(self, height: int, width: int) -> npt.NDArray[np.bool_]:
        """(height, width) bool, true in the same part of the image, rounded down to pixels."""
        rows, columns = height / self.of[0], width / self.of[1]
        inside = np.zeros((height, width), bool)
        inside[
            int(self.top * rows) : int(self.bottom * rows),
            int(self.left * columns) : int(self.right * columns),
        ] = True
        return inside


# Rows and columns of 480x640 that Eigen et al. (NIPS 2014) evaluate NYU Depth V2 on.
NYU_EIGEN = Crop(45, 471, 41, 601, of=(480, 640))
# The images have a white border of 8 px. The lower border of the depth is wider.
NYU_BORDER = Crop(9, 471, 9, 631, of=(480, 640))
# As published with monodepth (Godard et al., CVPR 2017: utils/evaluate_kitti.py), after Garg et
# al. (ECCV 2016) and Eigen et al. (NIPS 2014).
KITTI_GARG = Crop(0.40810811, 0.99189189, 0.03594771, 0.96405229)
KITTI_EIGEN = Crop(0.3324324, 0.91351351, 0.0359477, 0.96405229)
