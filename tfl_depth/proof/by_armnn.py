"""Engine `armnn`: Arm NN on a Cortex-A (CpuAcc), with its Python package of Debian 13.

On a board it runs in the board's own Python, elsewhere in the Python of an emulated userland, which
`make build/armnn/.complete` makes.
"""

from __future__ import annotations

from tfl_depth.proof.part_engine import PartEngine
from tfl_depth.proof.part_folder import part_folder, run_part

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


class ByArmnn(PartEngine):
    """Arm NN's CpuAcc. Each frame runs in its own process."""

    def _run_frame(self) -> None:
        run_part(
            "Arm NN",
            [part_folder("armnn") / "python", "-c", _RUN, self._folder],
            # Its import warns, and crashes where warnings are errors.
            environment={"PYTHONWARNINGS": "ignore"},
        )
