"""The base class of engines that are kernels of the installed interpreter package."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy.typing as npt

from tfl_depth.proof.proof_engine import ProofEngine
from tfl_depth.runtime.output_layout import Tensors


class KernelsEngine(ProofEngine):
    """Runs in this process."""

    def __init__(self, model: bytes) -> None:
        """Open a model."""
        super().__init__(model)
        self._signature = self._open(model).get_signature_runner()

    @abstractmethod
    def _open(self, model: bytes) -> Any:
        """Open an interpreter with these kernels."""

    def invoke(self, values: npt.NDArray[Any]) -> Tensors:
        """Compute in this process."""
        outputs: Tensors = self._signature(**{self.tensors.contract.input_name: values})
        return outputs
