"""The on-device runtime: numpy, OpenCV and one interpreter package, nothing heavier."""

from tfl_depth.errors import (
    ContractError,
    DelegateError,
    DelegateRequiredError,
    DepthError,
    ImageError,
    InterpreterError,
    ModelFileError,
    SelfCheckError,
    SignatureError,
)
from tfl_depth.runtime.runner import DepthRunner, Measurement
from tfl_depth.runtime.stream import Stream, StreamFrame
from tfl_depth.runtime.warm_up import WarmUp

__all__ = [
    "ContractError",
    "DelegateError",
    "DelegateRequiredError",
    "DepthError",
    "DepthRunner",
    "ImageError",
    "InterpreterError",
    "Measurement",
    "ModelFileError",
    "SelfCheckError",
    "SignatureError",
    "Stream",
    "StreamFrame",
    "WarmUp",
]
