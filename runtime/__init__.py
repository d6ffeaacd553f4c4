"""The on-device runtime: numpy, OpenCV and one interpreter package, nothing heavier."""

from tfl_depth.errors import (
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
    TruncatedVideoError,
)
from tfl_depth.runtime.colour import colourise
from tfl_depth.runtime.placement import Placement
from tfl_depth.runtime.prove import Proof, Tolerance
from tfl_depth.runtime.runner import DepthRunner, Measurement
from tfl_depth.runtime.stream import Stream, StreamFrame
from tfl_depth.runtime.video import Video
from tfl_depth.runtime.warm_up import WarmUp

__all__ = [
    "ContractError",
    "DelegateError",
    "DelegateRequiredError",
    "DepthError",
    "DepthRunner",
    "FallbackWarning",
    "ImageError",
    "InterpreterError",
    "Measurement",
    "ModelFileError",
    "Placement",
    "Proof",
    "ProofError",
    "SelfCheckError",
    "SignatureError",
    "Stream",
    "StreamFrame",
    "Tolerance",
    "TruncatedVideoError",
    "Video",
    "WarmUp",
    "colourise",
]
