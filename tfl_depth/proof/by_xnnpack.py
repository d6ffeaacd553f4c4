"""Engine `xnnpack`: XNNPACK's kernels, which the runtime takes on a CPU."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from tfl_depth.proof.proof_engine import ProofEngine
from tfl_depth.runtime.engines.interpreter import open_interpreter
from tfl_depth.runtime.output_layout import Tensors


class ByXnnpack(ProofEngine):
    """Kernels of the interpreter package that is installed."""

    def __init__(self, model: bytes) -> None:
        """Open a model."""
        super().__init__(model)
        self._signature = open_interpreter(model, xnnpack=True).get_signature_runner()

    def invoke(self, values: npt.NDArray[Any]) -> Tensors:
        """Compute in this process."""
        outputs: Tensors = self._signature(**{self.tensors.contract.input_name: values})
        return outputs
