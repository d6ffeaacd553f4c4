"""The base class of engines whose part runs as a new process for each frame."""

from __future__ import annotations

import tempfile
from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.proof.proof_engine import ProofEngine
from tfl_depth.runtime.output_layout import Tensors


class PartEngine(ProofEngine):
    """A part that reads files of a folder and writes each output as an .npy file beside them."""

    def __init__(self, model: bytes) -> None:
        """Write the files of the model."""
        super().__init__(model)
        self._work = tempfile.TemporaryDirectory()
        self._folder = Path(self._work.name)
        try:
            self._write_model(model)
        except BaseException:
            self.close()
            raise

    def invoke(self, values: npt.NDArray[Any]) -> Tensors:
        """Compute in another process."""
        np.save(self._folder / "input.npy", values)
        self._run_frame()
        return {name: np.load(self._folder / file) for name, file in self._output_files().items()}

    def _write_model(self, model: bytes) -> None:
        """Write the files that the part reads: by default model.tflite."""
        (self._folder / "model.tflite").write_bytes(model)

    @abstractmethod
    def _run_frame(self) -> None:
        """Run the part on input.npy."""

    def _output_files(self) -> dict[str, str]:
        """Return the file of each output: numbered in the order of the model, 0.npy and 1.npy."""
        return {name: f"{number}.npy" for number, name in enumerate(self.tensors.output_names)}

    def _close(self) -> None:
        """Remove the folder."""
        self._work.cleanup()
