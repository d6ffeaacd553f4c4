"""Cameras: the size of their pictures, their lenses and their measured corrections."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from tfl_depth.choices import expect_choice
from tfl_depth.errors import CameraError
from tfl_depth.format.contract_parts import Fit
from tfl_depth.intrinsics import Intrinsics

__all__ = ["Camera", "DepthCalibration", "Distortion", "FieldOfView"]

# Of a picture's side, for another size of the same camera: sizes are whole pixels.
ASPECT_TOLERANCE_PIXELS = 1.0
# How many numbers OpenCV's lens models have.
LENSES = {"pinhole": (4, 5, 8, 12, 14), "fisheye": (4,)}


@dataclass(frozen=True)
class Distortion:
    """The distortion of a lens, as in OpenCV.

    Attributes:
        lens: "pinhole" for k1, k2, p1, p2[, k3[, k4, k5, k6[, s1 - s4[, tx, ty]]]] of
            `cv2.undistort`; "fisheye" for k1 to k4 of `cv2.fisheye`.
        coefficients: their values.

    Raises:
        CameraError: on creation, for another lens or count, or values that are not finite.
    """

    lens: Literal["pinhole", "fisheye"]
    coefficients: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.lens not in LENSES:
            raise CameraError(f"Expected a lens of {', '.join(LENSES)}, got {self.lens!r}.")
        if len(self.coefficients) not in LENSES[self.lens]:
            counts = ", ".join(map(str, LENSES[self.lens]))
            raise CameraError(
                f"Expected {counts} coefficients of the {self.lens} lens, got "
                f"{len(self.coefficients)}."
            )
        if not all(map(math.isfinite, self.coefficients)):
            raise CameraError(f"Expected finite coefficients, got {list(self.coefficients)}.")


@dataclass(frozen=True)
class DepthCalibration:
    """The correction that `tfl-depth calibrate` measured for one model and one camera.

    Attributes:
        scale, offset_m: depth is scale x the network's depth + offset, in meters.
        model: `Contract.fingerprint` of the model.
        fit: of the frames of the measurement.

    Raises:
        CameraError: on creation, if `scale` is not above 0, a value is not finite or `fit` is not a
            fit.
    """

    scale: float
    offset_m: float
    model: str
    fit: Fit

    def __post_init__(self) -> None:
        if not (0 < self.scale < math.inf and math.isfinite(self.offset_m)):
            raise CameraError(
                f"Expected a scale above 0 and a finite offset, got {self.scale!r} and "
                f"{self.offset_m!r}."
            )
        expect_choice("fit", self.fit, Fit, CameraError)


@dataclass(frozen=True)
class Camera:
    """A camera with a picture of a known size.

    Attributes:
        width, height: of the picture that `intrinsics` are for, in pixels.
        intrinsics: in pixels of that picture; None if they are unknown.
        distortion: of the lens; None without distortion.
        depth: its measured correction; None without one.

    Raises:
        CameraError: on creation, for sizes or focal lengths that are not above 0, or values that
            are not finite.
    """

    width: int
    height: int
    intrinsics: Intrinsics | None = None
    distortion: Distortion | None = None
    depth: DepthCalibration | None = None

    def __post_init__(self) -> None:
        if not (self.width >= 1 and self.height >= 1):
            raise CameraError(f"Expected a picture of pixels, got {self.width}x{self.height}.")
        lens = self.intrinsics
        if lens is None:
            if self.distortion is not None:
                raise CameraError("Expected the intrinsics of a camera with a distortion.")
        elif not (
            all(map(math.isfinite, (lens.fx, lens.fy, lens.cx, lens.cy)))
            and min(lens.fx, lens.fy) > 0
        ):
            raise CameraError(f"Expected finite pixels and focal lengths above 0, got {lens}.")

    @classmethod
    def of(
        cls,
        fx: float,
        fy: float,
        cx: float | None = None,
        cy: float | None = None,
        *,
        width: int,
        height: int,
        distortion: Distortion | None = None,
    ) -> Camera:
        """A camera by its numbers, in pixels; the axis is in the middle where cx, cy are None."""
        lens = Intrinsics(
            fx,
            fy,
            (width - 1) / 2 if cx is None else cx,
            (height - 1) / 2 if cy is None else cy,
        )
        return cls(width, height, lens, distortion)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of its picture."""
        return self.height, self.width

    def at(self, size: tuple[int, ...]) -> Intrinsics:
        """The intrinsics in a picture of `size` (height, width), resized from the camera's own.

        Raises:
            CameraError: the picture has another aspect ratio, or the intrinsics are unknown.
        """
        self.expect_aspect(size)
        if self.intrinsics is None:
            raise CameraError(
                "The camera's focal length is unknown: give a calibration file with it, "
                "FX,FY,CX,CY@WxH, or the field of view."
            )
        return self.intrinsics.at_size(self.size, size)

    def expect_aspect(self, size: tuple[int, ...]) -> None:
        """Refuse a picture with another aspect ratio than the camera's.

        Raises:
            CameraError: its aspect ratio is another one.
        """
        height, width = size
        apart = min(
            abs(self.height * width / self.width - height),
            abs(self.width * height / self.height - width),
        )
        if apart > ASPECT_TOLERANCE_PIXELS:
            raise CameraError(
                f"Expected pictures of the camera's aspect, {self.width}x{self.height}, got "
                f"{width}x{height}: give the camera of these pictures."
            )


@dataclass(frozen=True)
class FieldOfView:
    """A camera with a known horizontal field of view only: square pixels, centered axis.

    Attributes:
        degrees: between 0 and 180.

    Raises:
        CameraError: on creation, if `degrees` is not.
    """

    degrees: float

    def __post_init__(self) -> None:
        if not 0 < self.degrees < 180:
            raise CameraError(f"Expected degrees between 0 and 180, got {self.degrees!r}.")

    @property
    def depth(self) -> None:
        """There is no measured correction."""
        return None

    def at(self, size: tuple[int, ...]) -> Intrinsics:
        """The intrinsics in a picture of `size` (height, width)."""
        return Intrinsics.from_field_of_view(self.degrees, size)
