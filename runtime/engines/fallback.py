"""The network, on whatever runs it: an engine, and the one that takes over where it fails."""

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
    """A frame's way through the network.

    Attributes:
        codes: of its outputs.
        fallback: why not all of it ran where it should have, or None.
        disagreement: as in `Measurement`, once it is decoded.
        written_s: of the clock `perf_counter`, when the network's input was written.
        invoke_s: seconds that the interpreter took then.
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
        """Take two engines, which it closes.

        Args:
            engine: the one to use.
            reserve: takes over when that one fails; None lets its error through.
            fallback: why `engine` does not run everything where it should, or None.
        """
        self._use = Exclusive()
        self._engine: Engine | None = engine
        self._reserve = reserve
        self._fallback = fallback
        # Which engine has given garbage.
        self._garbling: Engine | None = None
        self.info: EngineInfo = engine.info

    def new_frame_state(self) -> FrameState:
        """Make what a frame needs on its way; it may be used for many, one after the other."""
        return FrameState(self.info.new_decoder().new_codes())

    def run(self, pixels: Pixels | Codes, channels: Channels, state: FrameState) -> None:
        """Run the network on one frame, on the reserve where the engine fails.

        Args:
            pixels: what `write_input` takes, of the network's size.
            channels: their order.
            state: is written.

        Raises:
            InterpreterError: the engine fails, and there is no reserve.
            DepthError: the network is closed.
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
        """Write the depth of a frame that `run` has passed.

        It is run again on the reserve where its outputs are garbage, or where those of another
        frame were, as the engine that computed both is not to be believed.

        Args:
            pixels: as for `run`; they must still be there.
            channels: as for `run`.
            state: its `disagreement` is written.
            decoder: decodes; no other thread may use it.
            out: as for `DepthDecoder.decode`.
            place: as there.

        Raises:
            SelfCheckError: the outputs are garbage, and there is no reserve.
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
        """The engine in use.

        Raises:
            DepthError: the network is closed.
        """
        self.expect_own_process()
        if self._engine is None:
            raise DepthError("The runner is closed: open a new one.")
        return self._engine

    def _replace(self, failed: Engine | None, fault: DepthError) -> None:
        """Let the reserve take over from an engine, unless it has; with the lock held.

        Raises:
            DepthError: the fault, where there is no reserve.
        """
        if failed is not self._engine:
            return
        if failed is None or self._reserve is None:
            raise fault
        failed.close()
        self._engine, self._reserve = self._reserve, None
        self.info = self._engine.info
        self._fallback = f"{fault} The CPU goes on from this frame."
        warnings.warn(self._fallback, FallbackWarning, stacklevel=5)

    def _close(self) -> None:
        """Close both engines, after the frame that is computed."""
        self._use.when_free(self._close_engines)

    def _close_engines(self) -> None:
        for engine in (self._engine, self._reserve):
            if engine is not None:
                engine.close()
        self._engine = self._reserve = None
