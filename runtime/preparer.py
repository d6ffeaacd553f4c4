"""Frames on their way into the network and back, with working memory that outlives them."""

from __future__ import annotations

import numpy as np

from tfl_depth.encoding import DepthMm
from tfl_depth.runtime.buffers import ReusableBuffer
from tfl_depth.runtime.engines.engine import EngineInfo
from tfl_depth.runtime.fit import fit_pixels
from tfl_depth.runtime.frame_views import FrameView, FrameViews
from tfl_depth.runtime.postprocess import DepthDecoder
from tfl_depth.runtime.preprocess import Pixels
from tfl_depth.runtime.temporal_filter import Smoothing, TemporalFilter


class Preparer:
    """Brings pixels to the network's size, and makes what decodes their depth.

    It keeps its working memory for the next frame, so it is not safe to share between threads.
    """

    def __init__(
        self, views: FrameViews, info: EngineInfo, smooth: Smoothing | None = None
    ) -> None:
        """Take the views of frames, what is known of the network, and how depth is smoothed."""
        self._views, self._info, self._smooth = views, info, smooth
        self._fitted = ReusableBuffer(np.uint8)
        self._decoder: tuple[FrameView, DepthDecoder] | None = None

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

    def decoder(self, view: FrameView) -> DepthDecoder:
        """What decodes and corrects the depth of a view's frames: the last one where it fits."""
        if self._decoder is None or self._decoder[0].correction != view.correction:
            decoder = self._info.new_decoder(view.correction)
            if self._smooth is not None:
                decoder.smooth = TemporalFilter(self._smooth, self._info.grid_size)
            self._decoder = (view, decoder)
        return self._decoder[1]

    def clear_border(self, view: FrameView, grid_mm: DepthMm) -> None:
        """Write 0, no depth, where the network's grid (h, w) shows nothing of the frame."""
        shown = view.place.on_grid(self._info.grid_size)
        if shown.size == grid_mm.shape:
            return
        kept = grid_mm[shown.slices].copy()
        grid_mm.fill(0)
        grid_mm[shown.slices] = kept
