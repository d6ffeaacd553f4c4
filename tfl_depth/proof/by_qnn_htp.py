"""Engine `qnn-htp`: Qualcomm's library for Hexagon NPUs, which emulates their arithmetic on x86.

The model is compiled as with `--target qnn-...`, and runs as on a board, by the delegate
`onnxruntime-qnn`.
"""

from __future__ import annotations

from tfl_depth import child
from tfl_depth.converters.deployment.qnn import compile_for_htp
from tfl_depth.errors import ConversionError, InterpreterError, ModelFileError
from tfl_depth.format.htp_program import read_htp_program
from tfl_depth.proof.part_engine import PartEngine
from tfl_depth.proof.part_folder import run_part, with_part

# A Hexagon V75. V73 and later compute the same.
SOC = "SM8650"
_RUN = """
from pathlib import Path
import numpy as np
from tfl_depth.format.contract import read_contract
from tfl_depth.runtime.engines.onnxruntime_qnn import HtpSession
folder = Path(sys.argv[1])
model = (folder / "model.tflite").read_bytes()
session = HtpSession(model, read_contract(model), {})
for name, values in session.run(np.load(folder / "input.npy")).items():
    np.save(folder / f"{name}.npy", values)
"""


class ByQnnHtp(PartEngine):
    """The HTP library. Each frame runs in its own process."""

    def _run_frame(self) -> None:
        command = child.run_code(_RUN, self._folder)
        run_part("Qualcomm's HTP library", command, environment=with_part("qnn"))

    def _write_model(self, model: bytes) -> None:
        """Compile the model, which takes seconds. The NPU must take it whole."""
        known = self.tensors
        if known.contract.precision != "int8":
            raise InterpreterError(f"Expected an int8 model, got {known.contract.precision}.")
        try:
            compiled = compile_for_htp(model, SOC).model
            read_htp_program(compiled)
        except (ConversionError, ModelFileError) as error:
            raise InterpreterError(str(error)) from error
        super()._write_model(compiled)

    def _output_files(self) -> dict[str, str]:
        return {name: f"{name}.npy" for name in self.tensors.output_names}
