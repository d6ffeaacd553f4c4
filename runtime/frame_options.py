"""Checks of the options with which a frame's depth is asked for."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from tfl_depth.choices import expect_choice
from tfl_depth.encoding import DepthMm
from tfl_depth.errors import DepthError
from tfl_depth.runtime.preprocess import Channels

DepthSize = Literal["image", "model"]


def expect_frame_options(size: DepthSize, channels: Channels) -> None:
    """Check two arguments of `DepthRunner.infer`.

    Raises:
        DepthError: one of them has a value that is not allowed.
    """
    expect_choice("size", size, DepthSize)
    expect_choice("channels", channels, Channels)


def expect_output(
    out: Any, shape: tuple[int, ...], dtype: np.dtype[np.unsignedinteger[Any]]
) -> DepthMm:
    """Return `out` if depth of this shape and dtype can be written there.

    Raises:
        DepthError: it cannot.
    """
    if not isinstance(out, np.ndarray):
        raise DepthError(f"Expected `out` to be a numpy array, got {type(out).__name__}.")
    if (out.shape, out.dtype) != (shape, dtype):
        raise DepthError(
            f"Expected `out` to be of shape {shape} and dtype {dtype}, got {out.shape} and "
            f"{out.dtype}."
        )
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise DepthError(
            "Expected `out` to be C-contiguous and writeable. Pass an array that is not a view."
        )
    return np.asarray(out)
