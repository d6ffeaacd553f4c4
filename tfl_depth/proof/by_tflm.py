"""Engine `tflm`: TensorFlow Lite for Microcontrollers, on this processor."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth import child
from tfl_depth.proof.part_folder import part_folder, run_part
from tfl_depth.proof.proof_engine import ProofEngine
from tfl_depth.runtime.output_layout import Tensors

# For the tensors, of which the zoo's networks need some megabytes. Only pages that are used count.
ARENA_BYTES = 2**28
# Outputs have no names there: they come in the order of the file.
_RUN = """
import numpy as np
from tflite_micro.python.tflite_micro import runtime
folder, arena_bytes, outputs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with open(f"{folder}/model.tflite", "rb") as file:
    model = file.read()
try:
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)
except RuntimeError as error:
    sys.exit(str(error))  # its kernels have said more on standard error
interpreter.set_input(np.load(f"{folder}/input.npy"), 0)
interpreter.invoke()
for number in range(outputs):
    np.save(f"{folder}/{number}.npy", interpreter.get_output(number))
"""


class ByTflm(ProofEngine):
    """The interpreter for microcontrollers, each frame in a process of its own."""

    def __init__(self, model: bytes) -> None:
        """Keep the model for the processes."""
        super().__init__(model)
        self._work = tempfile.TemporaryDirectory()
        (Path(self._work.name) / "model.tflite").write_bytes(model)

    def invoke(self, values: npt.NDArray[Any]) -> Tensors:
        """Compute in another process."""
        folder, names = Path(self._work.name), self.tensors.output_names
        np.save(folder / "input.npy", values)
        paths = child.environment()
        paths["PYTHONPATH"] += f"{os.pathsep}{part_folder('tosa')}"
        run_part(
            "TensorFlow Lite Micro",
            child.run_code(_RUN, folder, str(ARENA_BYTES), str(len(names))),
            environment=paths,
        )
        return {name: np.load(folder / f"{number}.npy") for number, name in enumerate(names)}

    def _close(self) -> None:
        """Remove the model."""
        self._work.cleanup()
