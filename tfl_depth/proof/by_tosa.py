"""Engine `tosa`: Arm's reference model of TOSA, whose arithmetic an Ethos-U has to keep.

Arm's converter translates the model to TOSA, `tosa-opt` writes that as a flatbuffer, and the
reference model computes it operator by operator.
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
# Of an argument and of a result of the translated function: its name in the model's signature.
_SIGNATURE_NAME = re.compile(r'tf_saved_model\.index_path = \["([^"]*)"\]')


class ByTosa(PartEngine):
    """The TOSA reference model, each frame in a process of its own."""

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
        """Write model.tosa; returns the file that each output goes to, in the order of TOSA's."""
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
                # Of the text, only the names of the outputs are read.
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
