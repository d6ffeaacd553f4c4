"""The error classes.

The text of an error says what was expected, what came and what to do.

    DepthError
     |- ModelFileError            the model's file is missing, unreadable, damaged or no model
     |   `- SignatureError        it is not signed, or not with the key that was asked for
     |- CameraError               a camera's file, numbers or pictures do not fit
     |- ContractError             no contract in it, one of a newer version, or one it does not keep
     |- InterpreterError          no interpreter package, or it refuses the model
     |   |- DelegateRequiredError the model is compiled for an NPU and its delegate was not given
     |   `- DelegateError         there is no such delegate, it takes too little, refuses or fails
     |- ImageError                what was given is not an image that depth can be computed of
     |   `- TruncatedVideoError   a video ends before its own header says so
     |- ProofError               the delegate at hand gives other depth than the reference kernels
     |- SelfCheckError            the NPU's two tensors contradict each other: garbage, not depth
     |- OutputError               a file cannot be written: the disk is full, or it is forbidden
     |- DatasetError              the training or evaluation data is not as its layout promises
     |- SpansError                the spans of a split cannot be so
     |- BoardError                a board by its name: not reached, lacks something, or fails
     `- ConversionError           the model or the calibration images cannot be converted
"""

from __future__ import annotations

__all__ = [
    "BoardError",
    "CameraError",
    "ContractError",
    "ConversionError",
    "ConversionWarning",
    "DatasetError",
    "DelegateError",
    "DelegateRequiredError",
    "DepthError",
    "FallbackWarning",
    "ImageError",
    "InterpreterError",
    "ModelFileError",
    "OutputError",
    "ProofError",
    "SelfCheckError",
    "SignatureError",
    "SkippedImageWarning",
    "SpansError",
    "TruncatedVideoError",
]


class DepthError(Exception):
    """Base class of all errors of this SDK. The text says what to do."""


class ModelFileError(DepthError):
    """The model's file is missing, unreadable, damaged, or not a TensorFlow Lite model."""


class SignatureError(ModelFileError):
    """The model is not signed with the required key, or the signature cannot be checked."""


class CameraError(DepthError):
    """A camera's file or numbers are not as expected, or its pictures are of another camera."""


class ContractError(DepthError):
    """The model has no contract, one of another version, or does not match its contract."""


class InterpreterError(DepthError):
    """No TensorFlow Lite interpreter is installed, or it refuses the model."""


class DelegateRequiredError(InterpreterError):
    """The model is compiled for an NPU and cannot run without that NPU's delegate."""


class DelegateError(InterpreterError):
    """There is no such delegate or option, or it is missing, refuses, fails or takes too little."""


class ImageError(DepthError):
    """The argument is not an image whose depth can be computed."""


class TruncatedVideoError(ImageError):
    """A video ends before its header says so. The frames before the end were returned."""


class SelfCheckError(DepthError):
    """The two output tensors contradict each other on too many pixels, so they are not depth."""


class OutputError(DepthError):
    """A file cannot be written. An older file is unchanged."""


class ProofError(DepthError):
    """The interpreter or its delegate computes other depth than the reference kernels."""


class DatasetError(DepthError):
    """The data on disk does not match its layout."""


class SpansError(DepthError, ValueError):
    """The edges or curves of spans are not valid."""


class BoardError(DepthError):
    """A board is not reached, cannot run the model, or the link to it is lost."""


class ConversionError(DepthError):
    """The model or the representative images cannot be converted."""


class ConversionWarning(UserWarning):
    """A converted model needs a look, for example because there were few photos."""


class SkippedImageWarning(UserWarning):
    """An image of a batch cannot be used. Its place has no depth."""


class FallbackWarning(UserWarning):
    """The CPU runs operators that a delegate was requested for."""
