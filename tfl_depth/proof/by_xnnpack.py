"""Engine `xnnpack`: XNNPACK's kernels, which the runtime uses on a CPU."""

from __future__ import annotations

from typing import Any

from tfl_depth.proof.kernels_engine import KernelsEngine
from tfl_depth.runtime.engines.interpreter import open_interpreter


class ByXnnpack(KernelsEngine):
    """Kernels of the interpreter package that is installed."""

    def _open(self, model: bytes) -> Any:
        return open_interpreter(model, xnnpack=True)
