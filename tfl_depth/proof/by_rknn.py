"""Engine `rknn`: the simulator of Rockchip's rknn-toolkit2, with the arithmetic of its NPUs.

The toolkit lies in an environment of its own. Its simulator runs only what the same process has
compiled, so each frame compiles the model.
"""

from __future__ import annotations

from tfl_depth import child
from tfl_depth.proof.part_engine import PartEngine
from tfl_depth.proof.part_folder import part_folder, run_part

PLATFORM = "rk3588"
# For a Python that has rknn-toolkit2, and nothing of tfl-depth. Outputs come in the order of the
# file.
_RUN = """
import numpy as np
from rknn.api import RKNN
folder, platform = sys.argv[1:]
rknn = RKNN(verbose=False)
steps = {
    "config": lambda: rknn.config(target_platform=platform),
    "load_tflite": lambda: rknn.load_tflite(model=f"{folder}/model.tflite"),
    "build": lambda: rknn.build(do_quantization=False),
    "init_runtime": rknn.init_runtime,
}
for name, step in steps.items():
    if step():
        sys.exit(f"{name} failed")
found = rknn.inference(inputs=[np.load(f"{folder}/input.npy")], data_format=["nhwc"])
for number, values in enumerate(found):
    np.save(f"{folder}/{number}.npy", values)
"""


class ByRknn(PartEngine):
    """The simulator, each frame in a process of its own."""

    def _run_frame(self) -> None:
        command = child.run_code(_RUN, self._folder, PLATFORM)[1:]
        run_part(
            "rknn-toolkit2",
            [part_folder("rknn") / "bin" / "python", *command],
            # TensorFlow's import warns, and the toolkit fails if warnings are errors.
            environment={"PYTHONWARNINGS": "ignore"},
        )
