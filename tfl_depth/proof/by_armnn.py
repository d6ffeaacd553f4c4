"""Engine `armnn`: Arm NN on a Cortex-A (CpuAcc), by its Python package of Debian 13.

On a board that is the board's own Python. Elsewhere it is a Python of an emulated userland, as
`make build/armnn/.complete` makes one.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.proof.part_folder import part_folder, run_part
from tfl_depth.proof.proof_engine import ProofEngine
from tfl_depth.runtime.output_layout import Tensors

# For a Python that has pyarmnn and numpy, and nothing of tfl-depth. Outputs come in the order of
# the file.
_RUN = """
import sys
import numpy as np
import pyarmnn
folder = sys.argv[1]
parser = pyarmnn.ITfLiteParser()
network = parser.CreateNetworkFromBinaryFile(f"{folder}/model.tflite")
(source,) = parser.GetSubgraphInputTensorNames(0)
names = parser.GetSubgraphOutputTensorNames(0)
runtime = pyarmnn.IRuntime(pyarmnn.CreationOptions())
backends = [pyarmnn.BackendId("CpuAcc")]
optimized, _ = pyarmnn.Optimize(
    network, backends, runtime.GetDeviceSpec(), pyarmnn.OptimizerOptions()
)
number, _ = runtime.LoadNetwork(optimized)
values = np.load(f"{folder}/input.npy")
inputs = pyarmnn.make_input_tensors([parser.GetNetworkInputBindingInfo(0, source)], [values])
outputs = pyarmnn.make_output_tensors(
    [parser.GetNetworkOutputBindingInfo(0, name) for name in names]
)
runtime.EnqueueWorkload(number, inputs, outputs)
for place, values in enumerate(pyarmnn.workload_tensors_to_ndarray(outputs)):
    np.save(f"{folder}/{place}.npy", values)
"""


class ByArmnn(ProofEngine):
    """Arm NN's CpuAcc, each frame in a process of its own."""

    def __init__(self, model: bytes) -> None:
        """Keep the model for the processes."""
        super().__init__(model)
        self._work = tempfile.TemporaryDirectory()
        (Path(self._work.name) / "model.tflite").write_bytes(model)

    def invoke(self, values: npt.NDArray[Any]) -> Tensors:
        """Compute in another process."""
        folder, names = Path(self._work.name), self.tensors.output_names
        np.save(folder / "input.npy", values)
        run_part(
            "Arm NN",
            [part_folder("armnn") / "python", "-c", _RUN, folder],
            # Its import warns, and crashes where warnings are errors.
            environment={"PYTHONWARNINGS": "ignore"},
        )
        return {name: np.load(folder / f"{number}.npy") for number, name in enumerate(names)}

    def _close(self) -> None:
        """Remove the model."""
        self._work.cleanup()
