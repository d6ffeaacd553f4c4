"""From the codes of a frame to its depth, by the decoder that corrects it."""

from __future__ import annotations

from tfl_depth.encoding import DepthCorrection, DepthMm
from tfl_depth.runtime.engines.fallback import FallbackEngine, FrameState
from tfl_depth.runtime.frame_views import FrameView
from tfl_depth.runtime.guided_upsample import GuidedUpsampler
from tfl_depth.runtime.options import UpsampleName
from tfl_depth.runtime.postprocess import DepthDecoder
from tfl_depth.runtime.preprocess import Channels, Codes, Pixels
from tfl_depth.runtime.temporal_filter import Smoothing, TemporalFilter


class FrameDecoder:
    """Decodes the frames that an engine has run.

    It keeps the decoder for the next frame, so it is not safe to share between threads.
    """

    def __init__(
        self, engine: FallbackEngine, upsample: UpsampleName, smooth: Smoothing | None = None
    ) -> None:
        """Take the engine, and how depth is enlarged and smoothed."""
        self._engine, self._smooth = engine, smooth
        self._guided = GuidedUpsampler() if upsample == "guided" else None
        self._last: tuple[DepthCorrection, DepthDecoder] | None = None

    def __call__(
        self,
        pixels: Pixels | Codes,
        channels: Channels,
        state: FrameState,
        view: FrameView,
        frame: Pixels,
        out: DepthMm,
        *,
        whole: bool,
    ) -> None:
        """Write the depth of a frame; 0 where the network saw nothing of it.

        Args:
            pixels: as for `FallbackEngine.run`, unchanged.
            channels: as there.
            state: of that run.
            view: of the frame.
            frame: its pixels at its own size, which guide the enlargement where that was chosen.
            out: of the frame's size, or of the network's grid.
            whole: which of the two.
        """
        decoder = self._decoder(view.correction)
        place = view.place if whole else None
        if self._guided is not None:
            self._guided.photo = frame[view.place.frame.slices]
        self._engine.decode(pixels, channels, state, decoder, out, place)
        if not whole:
            _clear_border(view, out)

    def _decoder(self, correction: DepthCorrection) -> DepthDecoder:
        """Return the last decoder, or another one for another correction."""
        if self._last is None or self._last[0] != correction:
            info = self._engine.info
            decoder = info.new_decoder(correction)
            if self._smooth is not None:
                decoder.smooth = TemporalFilter(self._smooth, info.grid_size)
            if self._guided is not None:
                decoder.upsample = self._guided
            self._last = (correction, decoder)
        return self._last[1]


def _clear_border(view: FrameView, grid_mm: DepthMm) -> None:
    """Write 0, no depth, where the network's grid (h, w) shows nothing of the frame."""
    shown = view.place.on_grid((grid_mm.shape[0], grid_mm.shape[1]))
    if shown.size == grid_mm.shape:
        return
    kept = grid_mm[shown.slices].copy()
    grid_mm.fill(0)
    grid_mm[shown.slices] = kept
