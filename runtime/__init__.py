"""The on-device runtime. It needs numpy, OpenCV and one interpreter package."""

from tfl_depth.camera import Camera, FieldOfView
from tfl_depth.errors import (
    CameraError,
    ContractError,
    DelegateError,
    DelegateRequiredError,
    DepthError,
    FallbackWarning,
    ImageError,
    InterpreterError,
    ModelFileError,
    ProofError,
    SelfCheckError,
    SignatureError,
    SkippedImageWarning,
    TruncatedVideoError,
)
from tfl_depth.runtime.clip_colors import ClipColors
from tfl_depth.runtime.colorize import colorize
from tfl_depth.runtime.delegates.coverage import DelegateCoverage
from tfl_depth.runtime.depth_map import DepthMap
from tfl_depth.runtime.golden_check import GoldenCheck, Tolerance
from tfl_depth.runtime.measurement import Measurement
from tfl_depth.runtime.runner import DepthRunner
from tfl_depth.runtime.stream import Stream
from tfl_depth.runtime.stream_frame import StreamFrame
from tfl_depth.runtime.temporal_filter import Smoothing
from tfl_depth.runtime.video import Video
from tfl_depth.runtime.warm_up import WarmUp

__all__ = [
    "Camera",
    "CameraError",
    "ClipColors",
    "ContractError",
    "DelegateCoverage",
    "DelegateError",
    "DelegateRequiredError",
    "DepthError",
    "DepthMap",
    "DepthRunner",
    "FallbackWarning",
    "FieldOfView",
    "GoldenCheck",
    "ImageError",
    "InterpreterError",
    "Measurement",
    "ModelFileError",
    "ProofError",
    "SelfCheckError",
    "SignatureError",
    "SkippedImageWarning",
    "Smoothing",
    "Stream",
    "StreamFrame",
    "Tolerance",
    "TruncatedVideoError",
    "Video",
    "WarmUp",
    "colorize",
]
