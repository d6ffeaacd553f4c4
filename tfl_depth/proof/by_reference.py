"""Engine `reference`: TensorFlow Lite's reference kernels, which define the correct result."""

from __future__ import annotations

from typing import Any

from tfl_depth.proof.kernels_engine import KernelsEngine
from tfl_depth.runtime.engines.interpreter import open_interpreter


class ByReference(KernelsEngine):
    """Kernels of the interpreter package that is installed."""

    def _open(self, model: bytes) -> Any:
        return open_interpreter(model, reference=True)
