"""Engine `tflm`: TensorFlow Lite for Microcontrollers, on this processor."""

from __future__ import annotations

from tfl_depth import child
from tfl_depth.proof.part_engine import PartEngine
from tfl_depth.proof.part_folder import run_part, with_part

# Memory for the tensors. The zoo's networks need some megabytes; unused pages cost nothing.
ARENA_BYTES = 2**28
# Outputs have no names there. Their order is that of the file.
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


class ByTflm(PartEngine):
    """The interpreter for microcontrollers. Each frame runs in its own process."""

    def _run_frame(self) -> None:
        outputs = len(self.tensors.output_names)
        run_part(
            "TensorFlow Lite Micro",
            child.run_code(_RUN, self._folder, str(ARENA_BYTES), str(outputs)),
            environment=with_part("tosa"),
        )
