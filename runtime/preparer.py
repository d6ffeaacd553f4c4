"""Frames on their way into the network, with working memory that outlives them."""

from __future__ import annotations

import numpy as np

from tfl_depth.runtime.buffers import ReusableBuffer
from tfl_depth.runtime.fit import fit_pixels
from tfl_depth.runtime.frame_views import FrameView, FrameViews
from tfl_depth.runtime.preprocess import Pixels


class Preparer:
    """Brings pixels to the network's size.

    It keeps its working memory for the next frame, so it is not safe to share between threads.
    """

    def __init__(self, views: FrameViews) -> None:
        """Take the views of frames."""
        self._views = views
        self._fitted = ReusableBuffer(np.uint8)

    def __call__(self, pixels: Pixels) -> tuple[FrameView, Pixels]:
        """The view of a frame (H, W, 3) or (H, W), and its pixels at the network's size.

        The pixels are the frame's own where they have the size, or an array for the next call.
        """
        height, width = pixels.shape[:2]
        view = self._views.of((height, width))
        place = view.place
        if place.is_whole and place.size == place.model_size:
            return view, pixels
        return view, fit_pixels(pixels, place, self._fitted.of(place.model_size + pixels.shape[2:]))
