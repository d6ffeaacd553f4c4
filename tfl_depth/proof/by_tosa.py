"""Engine `tosa`: Arm's reference model of TOSA. An Ethos-U must compute the same.

Arm's converter translates the model to TOSA, `tosa-opt` writes it as a flatbuffer, and the
reference model runs it operator by operator.
"""

from __future__ import annotations

import re

from tfl_depth import child
from tfl_depth.errors import InterpreterError
from tfl_depth.proof.part_engine import PartEngine
from tfl_depth.proof.part_folder import part_folder, run_part, with_part

_CONVERT = (
    "from tosa_converter_for_tflite import tflite_flatbuffer_to_tosa_mlir as convert\n"
    "convert(*sys.argv[1:])"
)
# The signature name of an argument or a result of the translated function.
_SIGNATURE_NAME = re.compile(r'tf_saved_model\.index_path = \["([^"]*)"\]')


class ByTosa(PartEngine):
    """The TOSA reference model. Each frame runs in its own process."""

    def _write_model(self, model: bytes) -> None:
        """Translate the model, which takes a second."""
        super()._write_model(model)
        self._bin = part_folder("tosa") / "bin"
        self._files = self._translate()

    def _output_files(self) -> dict[str, str]:
        return self._files

    def _run_frame(self) -> None:
        run_part(
            "The TOSA reference model",
            [
                self._bin / "tosa_reference_model",
                f"--flatbuffer_dir={self._folder}",
                f"--output_dir={self._folder}",
                "--tosa_file=model.tosa",
                "--ifm_name=TosaInput_0",
                "--ifm_file=input.npy",
                f"--ofm_name={','.join(f'TosaOutput_{k}' for k in range(len(self._files)))}",
                f"--ofm_file={','.join(self._files.values())}",
            ],
        )

    def _translate(self) -> dict[str, str]:
        """Write model.tosa, and return the file of each output in the order of TOSA."""
        model, bytecode, text = (
            self._folder / f"model.{end}" for end in ("tflite", "mlirbc", "mlir")
        )
        run_part(
            "Arm's converter to TOSA",
            child.run_code(_CONVERT, model, bytecode),
            environment=with_part("tosa"),
        )
        run_part(
            "tosa-opt",
            [
                self._bin / "tosa-opt",
                "--tosa-convert-integer-type-to-signless",
                f"--tosa-serialize=tosa-flatbuffer-filename={self._folder / 'model.tosa'}",
                # Only the names of the outputs are read from the text.
                "--mlir-elide-elementsattrs-if-larger=8",
                *(bytecode, "-o", text),
            ],
        )
        names = _result_names(text.read_text("utf-8", "replace"))
        if sorted(names) != sorted(self.tensors.contract.output_names):
            raise InterpreterError(
                f"Expected the outputs {self.tensors.contract.output_names} in TOSA, got {names}: "
                "the converter has changed; install the version that is listed."
            )
        return {name: f"{number}.npy" for number, name in enumerate(names)}


def _result_names(text: str) -> list[str]:
    """The signature names of the function's results, in their order."""
    function = next((line for line in text.splitlines() if "func.func @main" in line), "")
    return _SIGNATURE_NAME.findall(function.partition("->")[2])
