"""The table of engines of proof: one row for each engine, and how to install its parts."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.metadata import distributions

from tfl_depth.errors import InterpreterError
from tfl_depth.proof.part_folder import part_folder
from tfl_depth.proof.proof_engine import ProofEngine


@dataclass(frozen=True)
class EngineSpec:
    """One engine of proof.

    Attributes:
        title: a short description.
        module: the module of `tfl_depth.proof` that has the class `opens`.
        opens: its class, a `ProofEngine`.
        parts: the packages of PyPI that it needs, with the versions that the tests run; empty
            if the runtime's interpreter package is enough.
        folder: of these parts, below the base folder (see `part_folder`).
        needs: a file or folder in it that exists if the parts are installed.
        system: how to install parts that PyPI does not have.
    """

    title: str
    module: str
    opens: str
    parts: tuple[str, ...] = ()
    folder: str = ""
    needs: str = ""
    system: str = ""

    @property
    def how_to_install(self) -> str | None:
        """A sentence that tells how to install missing parts; None if nothing is missing."""
        if not self.folder or (part_folder(self.folder) / self.needs).exists():
            return None
        if self.system:
            return f"Not installed: {self.system.format(folder=part_folder(self.folder))}."
        # Their pins conflict with TensorFlow's, and their dependencies are not used.
        return (
            f"Not installed: pip install --no-deps --target {part_folder(self.folder)} "
            f"{' '.join(self.parts)}."
        )

    @property
    def versions(self) -> str:
        """The names and versions of the parts that are installed, for reports."""
        folder = str(part_folder(self.folder))
        names = [part.partition("==")[0] for part in self.parts]
        found = [each for name in names for each in distributions(name=name, path=[folder])]
        return ", ".join(f"{each.metadata['Name']} {each.version}" for each in found)

    def open(self, model: bytes) -> ProofEngine:
        """Open a model.

        Raises:
            InterpreterError: a part is not installed, or refuses the model.
            ModelFileError, ContractError: the file is damaged.
        """
        if absent := self.how_to_install:
            raise InterpreterError(absent)
        module = importlib.import_module(f"tfl_depth.proof.{self.module}")
        engine: ProofEngine = getattr(module, self.opens)(model)
        return engine


ENGINES = {
    "reference": EngineSpec("TensorFlow Lite's reference kernels", "by_reference", "ByReference"),
    "xnnpack": EngineSpec("XNNPACK on this processor", "by_xnnpack", "ByXnnpack"),
    "tosa": EngineSpec(
        "Arm's TOSA reference model: the arithmetic of an Ethos-U",
        "by_tosa",
        "ByTosa",
        parts=("tosa-converter-for-tflite==2026.2.0", "tosa-tools==2026.8.0"),
        folder="tosa",
        needs="bin/tosa_reference_model",
    ),
    "tflm": EngineSpec(
        "TensorFlow Lite for Microcontrollers",
        "by_tflm",
        "ByTflm",
        parts=("tflite-micro==0.dev20261023182759",),
        folder="tosa",
        needs="tflite_micro",
    ),
    "qnn-htp": EngineSpec(
        "Qualcomm's HTP library on x86: a Hexagon's arithmetic",
        "by_qnn_htp",
        "ByQnnHtp",
        parts=("onnxruntime-qnn==2.7.0", "onnxruntime==1.32.0", "onnx==1.23.2"),
        folder="qnn",
        needs="onnxruntime_qnn",
    ),
    "armnn": EngineSpec(
        "Arm NN on a Cortex-A (CpuAcc)",
        "by_armnn",
        "ByArmnn",
        folder="armnn",
        needs="python",
        system="on Debian 13 for arm64, apt install python3-pyarmnn libarmnn-cpuacc-backend33 "
        "libarmnntfliteparser24t64, and link {folder}/python to /usr/bin/python3; elsewhere "
        "emulated, make build/armnn/.complete in a checkout",
    ),
}
