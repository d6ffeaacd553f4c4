"""Qualcomm's compiler for Hexagon NPUs (HTP), by LiteRT's plugin, run as a process.

The plugin comes with ai-edge-litert, and the QNN libraries that it loads with the package
onnxruntime-qnn, in a folder of its own. The compiled file has one operator DISPATCH_OP for each
part that the NPU takes, and the NPU's program behind the flatbuffer.
"""

from __future__ import annotations

import importlib.util
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tfl_depth.converters.deployment.compiler_output import operators_left
from tfl_depth.converters.deployment.placement import PlacedOperator, Traffic
from tfl_depth.errors import ConversionError, InterpreterError
from tfl_depth.format.contract_place import BLANK_SIGNATURE, signature_place, with_digest
from tfl_depth.proof.part_folder import part_folder, part_path, run_part

# What onnxruntime-qnn lacks of the libraries that the plugin names. Nothing in it is called for an
# HTP, so that any library satisfies the loader.
_ABSENT, _INSTEAD = "libQnnLpai.so", "libQnnSaver.so"
PACKAGE = "onnxruntime-qnn==2.7.0"
_LEFT = "Qualcomm's compiler did not take it"
_PARTITIONED = re.compile(r"selected (\d+) ops, from a total of (\d+) ops")
_TRAFFIC = re.compile(r"\b(spill_bytes|fill_bytes|read_total_bytes|write_total_bytes)=(\d+)")


@dataclass(frozen=True)
class QnnCompiled:
    """What Qualcomm's compiler has made of a model.

    Attributes:
        model: the compiled .tflite, with the model's contract and a digest that is right for it.
        operators: those of the portable model, in the order in which they run.
        traffic: of the NPU with the memory outside of it, for an inference.
    """

    model: bytes
    operators: tuple[PlacedOperator, ...]
    traffic: Traffic


def compile_for_htp(model: bytes, soc: str) -> QnnCompiled:
    """Compile a .tflite file that has a contract.

    Args:
        model: the file's bytes.
        soc: the chip, by LiteRT's name of it, such as "SM8650".

    Raises:
        ConversionError: a part is not installed, or the compiler refuses the model.
    """
    with tempfile.TemporaryDirectory() as work:
        source, made = Path(work, "model.tflite"), Path(work, "compiled.tflite")
        source.write_bytes(model)
        printed = _run(source, made, soc)
        if not made.is_file():
            raise ConversionError(f"Qualcomm's compiler wrote no file for {soc}.")
        compiled = made.read_bytes()
    selected = _PARTITIONED.search(printed)
    if selected is None:
        raise ConversionError("Qualcomm's compiler did not report which operators it takes.")
    sums = {name: int(count) for name, count in _TRAFFIC.findall(printed)}
    traffic = Traffic(
        spilled=sums.get("spill_bytes", 0),
        filled=sums.get("fill_bytes", 0),
        read=sums.get("read_total_bytes", 0),
        written=sums.get("write_total_bytes", 0),
    )
    return QnnCompiled(_with_new_digest(compiled), operators_left(model, compiled, _LEFT), traffic)


def htp_libraries() -> Path:
    """The folder of Qualcomm's libraries.

    Raises:
        ConversionError: they are not installed.
    """
    libraries = part_path("qnn", "onnxruntime_qnn")
    if libraries is None or not (libraries / "libQnnHtp.so").is_file():
        raise ConversionError(
            "Qualcomm's libraries are not installed: pip install 'tfl-depth[qnn]', or pip install "
            f"--no-deps --target {part_folder('qnn')} {PACKAGE}."
        )
    return libraries


def _run(source: Path, made: Path, soc: str) -> str:
    libraries, litert = htp_libraries(), _litert()
    stand_in = source.with_name(_ABSENT)
    stand_in.symlink_to(libraries / _INSTEAD)
    paths = [libraries, stand_in.parent]
    try:
        return run_part(
            "Qualcomm's compiler",
            [
                litert / "tools" / "apply_plugin_main",
                *("--cmd=apply", f"--model={source}", f"--o={made}"),
                *("--soc_manufacturer=Qualcomm", f"--soc_model={soc}"),
                f"--libs={litert / 'vendors' / 'qualcomm' / 'compiler'}",
            ],
            environment={"LD_LIBRARY_PATH": os.pathsep.join(map(str, paths))},
        )
    except InterpreterError as error:
        raise ConversionError(str(error)) from error


def _litert() -> Path:
    spec = importlib.util.find_spec("ai_edge_litert")
    folder = Path((spec.submodule_search_locations or [""])[0]) if spec else Path()
    if not (folder / "tools" / "apply_plugin_main").is_file():
        raise ConversionError(
            "LiteRT's compiler plugins are not installed: pip install 'ai-edge-litert>=2.3', on "
            "x86-64."
        )
    return folder


def _with_new_digest(compiled: bytes) -> bytes:
    """In place, since the compiled program's offset is in the file; a signature does not hold."""
    place = signature_place(compiled)
    unsigned = compiled[: place.start] + BLANK_SIGNATURE.encode() + compiled[place.stop :]
    return with_digest(unsigned)
