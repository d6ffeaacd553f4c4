"""Options that choose how a model is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tfl_depth.camera import Camera, FieldOfView
from tfl_depth.choices import expect_choice
from tfl_depth.errors import DepthError
from tfl_depth.runtime.arguments import expect_count, expect_seconds
from tfl_depth.runtime.fit import Fit, expect_fit

OnFault = Literal["raise", "cpu"]
UpsampleName = Literal["bilinear", "guided"]


@dataclass(frozen=True)
class RunnerOptions:
    """Options of a runner. `DepthRunner` describes the fields.

    Raises:
        DepthError: a value is not allowed.
    """

    num_threads: int | None = None
    xnnpack: bool | None = None
    delegate: str | None = None
    delegate_options: Mapping[str, Any] = field(default_factory=dict)
    strict: bool = False
    isolate: bool = False
    timeout_s: float = 5.0
    start_timeout_s: float = 120.0
    on_fault: OnFault = "raise"
    camera: Camera | FieldOfView | None = None
    correct_focal: bool | None = None
    undistort: bool = False
    fit: Fit | None = None
    upsample: UpsampleName = "bilinear"

    def __post_init__(self) -> None:
        expect_choice("on_fault", self.on_fault, OnFault)
        expect_choice("upsample", self.upsample, UpsampleName)
        if not isinstance(self.camera, (Camera, FieldOfView, type(None))):
            raise DepthError(
                "Expected `camera` to be a Camera or a FieldOfView, got "
                f"{type(self.camera).__name__}."
            )
        if self.correct_focal not in (None, True, False):
            raise DepthError(
                f"Expected `correct_focal` to be True, False or None, got {self.correct_focal!r}."
            )
        if self.fit is not None:
            expect_fit(self.fit)
        for name in ("timeout_s", "start_timeout_s"):
            expect_seconds(name, getattr(self, name))
        if not isinstance(self.num_threads, (int, type(None))):
            expect_count("num_threads", self.num_threads)
