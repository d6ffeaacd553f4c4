"""The table of engines of proof: one row for each engine, and how to install its parts."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from importlib.metadata import distributions

from tfl_depth.errors import InterpreterError
from tfl_depth.proof.part_folder import part_folder, part_path
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
        system: how to install the parts if `pip --target` cannot.
        rounding_steps: steps of the code that its head's rounding may cost, beside what kernels of
            the CPU differ by: 1 for arithmetic that rounds as TensorFlow Lite does (docs/decisions/
            021-tolerance-of-other-arithmetic.md).
    """

    title: str
    module: str
    opens: str
    parts: tuple[str, ...] = ()
    folder: str = ""
    needs: str = ""
    system: str = ""
    rounding_steps: int = 1

    @property
    def how_to_install(self) -> str | None:
        """A sentence that tells how to install missing parts; None if nothing is missing."""
        if not self.folder or part_path(self.folder, self.needs) is not None:
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
        folder = part_folder(self.folder)
        # An environment has a folder of its own for packages.
        paths = [*map(str, (folder, *folder.glob("lib/python3*/site-packages"))), *sys.path]
        names = [part.partition("==")[0] for part in self.parts]
        found = [each for name in names for each in [*distributions(name=name, path=paths)][:1]]
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
        "Qualcomm's HTP library on x86, as the delegate onnxruntime-qnn runs it",
        "by_qnn_htp",
        "ByQnnHtp",
        parts=("onnxruntime-qnn==2.7.0", "onnxruntime==1.32.0"),
        folder="qnn",
        needs="onnxruntime_qnn",
        rounding_steps=3,
    ),
    "rknn": EngineSpec(
        "Rockchip's simulator of its NPUs (rknn-toolkit2)",
        "by_rknn",
        "ByRknn",
        parts=("rknn-toolkit2==2.5.0",),
        folder="rknn",
        needs="bin/python",
        rounding_steps=10,
        system="python3.11 -m venv {folder} and {folder}/bin/pip install rknn-toolkit2==2.5.0 "
        "tensorflow==2.14.0, 7 GB; in a checkout, make rknn-test",
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
