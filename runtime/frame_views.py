"""What the network sees of a frame, and how its depth is corrected for the frame's camera.

For a pinhole camera, a picture that is magnified by z is the picture of a focal length z times as
long. A network that was trained for one focal length sees all things of it z times as near, and its
depth times z is right. This is the canonical camera of W. Yin et al., "Metric3D: Towards Zero-shot
Metric 3D Prediction from A Single Image" (ICCV 2023), by which depth is transformed with the ratio
of the focal lengths. Whether it holds for a network has to be measured (docs/cameras.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfl_depth.camera import Camera, DepthCalibration, FieldOfView
from tfl_depth.encoding import AS_IT_IS, DepthCorrection, depth_dtype
from tfl_depth.errors import CameraError
from tfl_depth.format.contract import Contract
from tfl_depth.runtime.fit import Fit, FramePlace, fit_frame

Size = tuple[int, int]
AnyCamera = Camera | FieldOfView


@dataclass(frozen=True)
class FrameView:
    """What holds for all frames of a size.

    Attributes:
        place: in the network's input.
        correction: of the network's depth.
    """

    place: FramePlace
    correction: DepthCorrection


class FrameViews:
    """Gives the `FrameView` of a frame by its size. Safe to share between threads.

    Attributes:
        dtype: of the corrected depth, of frames of every size.
        fit: of the frames, one of `FITS`.
        note: a sentence on why depth is not corrected although there is a camera; None otherwise.
    """

    def __init__(
        self,
        contract: Contract,
        camera: AnyCamera | None,
        fit: Fit | None,
        correct_focal: bool | None,
    ) -> None:
        """Take the arguments of `DepthRunner`, of which `camera` is without distortion.

        Raises:
            CameraError: they do not fit the model or one another.
            SpansError: no dtype holds the corrected depth.
        """
        self._contract, self._camera = contract, camera
        self._model_size = (contract.height, contract.width)
        self.fit: Fit = contract.fit if fit is None else fit
        self._calibrated = None if camera is None else camera.depth
        if self._calibrated is not None:
            _expect_same(self._calibrated, contract, self.fit)
        self._by_focal = self._is_by_focal(correct_focal)
        self.note = self._note(correct_focal)
        self._last: tuple[Size, FrameView] | None = None
        size = camera.size if isinstance(camera, Camera) else self._model_size
        self.dtype: np.dtype[np.unsignedinteger[Any]] = depth_dtype(
            contract.spans, self._correction(fit_frame(size, self._model_size, self.fit))
        )

    def of(self, size: Size) -> FrameView:
        """The view of frames of `size` (height, width).

        Raises:
            CameraError: the camera takes no such frames, or their depth needs another dtype.
        """
        last = self._last
        if last is None or last[0] != size:
            last = self._last = (size, self._made(size))
        return last[1]

    def _made(self, size: Size) -> FrameView:
        if isinstance(self._camera, Camera) and (self._calibrated or self._by_focal):
            self._camera.expect_aspect(size)
        place = fit_frame(size, self._model_size, self.fit)
        view = FrameView(place, self._correction(place))
        dtype = depth_dtype(self._contract.spans, view.correction)
        if dtype != self.dtype:
            raise CameraError(
                f"Expected frames whose corrected depth is {self.dtype}, got {dtype} for "
                f"{size[1]}x{size[0]}: give the camera with the size of its picture."
            )
        return view

    def _is_by_focal(self, asked: bool | None) -> bool:
        """Whether depth is multiplied by the ratio of the focal lengths."""
        trained = self._contract.camera
        if asked is None:
            return bool(
                self._knows_focal and self._calibrated is None and trained and trained.obeys
            )
        if not asked:
            return False
        if self._calibrated is not None:
            raise CameraError(
                "The camera's file has a calibration of depth, which replaces the correction by "
                "the focal length: leave out correct_focal."
            )
        if not self._knows_focal:
            raise CameraError("correct_focal needs a camera with its focal length: give `camera`.")
        if trained is None:
            raise CameraError(
                "The model's contract does not have the camera that the network was trained for: "
                "convert the network again with --intrinsics or --fov."
            )
        return True

    @property
    def _knows_focal(self) -> bool:
        camera = self._camera
        return isinstance(camera, FieldOfView) or bool(camera and camera.intrinsics)

    def _note(self, asked: bool | None) -> str | None:
        if asked is not None or self._by_focal or self._calibrated or not self._knows_focal:
            return None
        trained = self._contract.camera
        if trained is None:
            return (
                "Depth is not corrected for the camera's focal length: the model's contract does "
                "not have the camera that the network was trained for."
            )
        measured = "it was not measured"
        if trained.zoom_response is not None:
            shown = ", ".join(f"{each:.2f}" for each in trained.zoom_response.response)
            measured = f"measured {shown}, where 1 obeys"
        return (
            "Depth is not corrected for the camera's focal length: nothing shows that this "
            f"network's depth follows it ({measured}). correct_focal does it all the same."
        )

    def _correction(self, place: FramePlace) -> DepthCorrection:
        if self._calibrated is not None:
            return DepthCorrection(self._calibrated.scale, self._calibrated.offset_m)
        trained = self._contract.camera
        if not self._by_focal or self._camera is None or trained is None:
            return AS_IT_IS
        seen = place.intrinsics(self._camera.at(place.size))
        # A frame that is stretched has two ratios: their geometric mean is that of the areas.
        return DepthCorrection(math.sqrt(seen.fx / trained.fx * seen.fy / trained.fy))


def _expect_same(measured: DepthCalibration, contract: Contract, fit: Fit) -> None:
    if measured.model != contract.fingerprint:
        raise CameraError(
            "The camera's file has a calibration of another model's depth: calibrate again with "
            "this model (tfl-depth calibrate), or give the camera without it."
        )
    if measured.fit != fit:
        raise CameraError(
            f"The camera's file has a calibration with fit={measured.fit!r}, got {fit!r}: "
            "calibrate again, or take that fit."
        )
