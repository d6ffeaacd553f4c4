"""An engine with a fallback: a second engine that takes over when the first one fails."""

from __future__ import annotations

import warnings
from time import perf_counter
from typing import Any

import numpy.typing as npt

from tfl_depth.encoding import DepthMm
from tfl_depth.errors import DepthError, FallbackWarning, InterpreterError, SelfCheckError
from tfl_depth.runtime.closeable import Closeable
from tfl_depth.runtime.engines.engine import Engine, EngineInfo
from tfl_depth.runtime.exclusive import Exclusive
from tfl_depth.runtime.fit import FramePlace
from tfl_depth.runtime.postprocess import DepthDecoder
from tfl_depth.runtime.preprocess import Channels, Codes, Pixels


class FrameState:
    """State of one frame.

    Attributes:
        codes: of the outputs.
        fallback: why the frame did not run entirely as requested; None if it did.
        disagreement: as in `Measurement`, after decoding.
        written_s: time of `perf_counter` after the network's input was written.
        invoke_s: seconds of the interpreter.
    """

    def __init__(self, codes: npt.NDArray[Any]) -> None:
        self.codes = codes
        self.fallback: str | None = None
        self.disagreement: float | None = None
        self.written_s = self.invoke_s = 0.0
        self.engine: Engine | None = None


class FallbackEngine(Closeable):
    """Runs frames on an engine. Safe to share between threads.

    Attributes:
        info: of the engine in use.
    """

    def __init__(self, engine: Engine, reserve: Engine | None, fallback: str | None) -> None:
        """Take two engines. `close` closes them.

        Args:
            engine: runs the frames.
            reserve: takes over when `engine` fails; None: its error is raised.
            fallback: why `engine` does not run all operators as requested; None if it does.
        """
        self._use = Exclusive()
        self._engine: Engine | None = engine
        self._reserve = reserve
        self._fallback = fallback
        # The engine whose outputs failed the self-check.
        self._garbling: Engine | None = None
        self.info: EngineInfo = engine.info

    def new_frame_state(self) -> FrameState:
        """Make the state for a frame. It can be reused for one frame after the other."""
        return FrameState(self.info.layout.new_codes())

    def run(self, pixels: Pixels | Codes, channels: Channels, state: FrameState) -> None:
        """Run the network on one frame; on the reserve if the engine fails.

        Args:
            pixels: of the network's size, as `write_input` takes them.
            channels: the order of colors.
            state: the result is written here.

        Raises:
            InterpreterError: the engine fails, and there is no reserve.
            DepthError: the runner is closed.
        """
        self.expect_own_process()
        with self._use:
            while True:
                engine = self.expect_open()
                try:
                    engine.write(pixels, channels)
                    state.written_s = perf_counter()
                    state.invoke_s = engine.invoke()
                    engine.collect(state.codes)
                except InterpreterError as fault:
                    self._replace(engine, fault)
                else:
                    state.engine, state.fallback = engine, self._fallback
                    return

    def decode(
        self,
        pixels: Pixels | Codes,
        channels: Channels,
        state: FrameState,
        decoder: DepthDecoder,
        out: DepthMm,
        place: FramePlace | None = None,
    ) -> None:
        """Write the depth of a frame after `run`.

        If the outputs fail the self-check, the frame runs again on the reserve. So does a frame
        that was computed by an engine whose outputs failed for another frame.

        Args:
            pixels: as for `run`, unchanged.
            channels: as for `run`.
            state: of `run`. Its `disagreement` is written.
            decoder: decodes the codes. No other thread may use it.
            out: as for `DepthDecoder.decode`.
            place: as there.

        Raises:
            SelfCheckError: the outputs fail the self-check, and there is no reserve.
        """
        while True:
            if state.engine is self._garbling:
                self.run(pixels, channels, state)
            try:
                state.disagreement = decoder.decode(state.codes, out, place)
            except SelfCheckError as fault:
                with self._use:
                    self._replace(state.engine, fault)
                    self._garbling = state.engine
            else:
                return

    def expect_open(self) -> Engine:
        """Return the engine in use.

        Raises:
            DepthError: the runner is closed.
        """
        self.expect_own_process()
        if self._engine is None:
            raise DepthError("The runner is closed: open a new one.")
        return self._engine

    def _replace(self, failed: Engine | None, fault: DepthError) -> None:
        """Replace a failed engine by the reserve, if it is still in use. The lock is held.

        Raises:
            DepthError: the fault, if there is no reserve.
        """
        if failed is not self._engine:
            return
        if failed is None or self._reserve is None:
            raise fault
        failed.close()
        self._engine, self._reserve = self._reserve, None
        self.info = self._engine.info
        self._fallback = f"{fault} The CPU continues from this frame."
        warnings.warn(self._fallback, FallbackWarning, stacklevel=5)

    def _close(self) -> None:
        """Close both engines after the current frame."""
        self._use.when_free(self._close_engines)

    def _close_engines(self) -> None:
        for engine in (self._engine, self._reserve):
            if engine is not None:
                engine.close()
        self._engine = self._reserve = None
