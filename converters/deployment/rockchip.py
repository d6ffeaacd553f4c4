"""Rockchip's compiler, run as a process: compiles a model for an RK3588, RK3576 or RK3568.

The user installs rknn-toolkit2 into a Python of their own. An .rknn file is no .tflite file and has
no place for a contract, so the contract is a file beside it.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tfl_depth.child import run_code
from tfl_depth.converters.deployment.compiler_output import last_error
from tfl_depth.converters.deployment.compiler_process import run_compiler
from tfl_depth.converters.tflite_facts import operator_kind
from tfl_depth.converters.tflite_file import parse_tflite, text_of
from tfl_depth.errors import ConversionError
from tfl_depth.format.contract import Contract

TIME_LIMIT_S = 1800
# The toolkit tells progress and greets on standard output.
_COMPILE = """
from importlib.metadata import version
from rknn.api import RKNN
source, result, platform = sys.argv[1:]
rknn = RKNN(verbose=False)
steps = {
    "config": lambda: rknn.config(target_platform=platform),
    "load_tflite": lambda: rknn.load_tflite(model=source),
    "build": lambda: rknn.build(do_quantization=False),
    "export_rknn": lambda: rknn.export_rknn(result),
}
for name, step in steps.items():
    if step():
        sys.exit(f"error: {name} failed")
print("compiled by rknn-toolkit2", version("rknn-toolkit2"))
"""
_VERSION = re.compile(r"^compiled by (rknn-toolkit2 \S+)$", re.MULTILINE)


@dataclass(frozen=True)
class RknnCompiled:
    """What Rockchip's compiler has made of a model.

    Attributes:
        model: the .rknn file.
        compiler: the toolkit and its version.
    """

    model: bytes
    compiler: str


def compile_rknn(model: bytes, platform: str, python: str) -> RknnCompiled:
    """Compile a .tflite file.

    Args:
        model: a portable .tflite file.
        platform: the compiler's name of the chip.
        python: that of the environment with the toolkit.

    Raises:
        ConversionError: the toolkit is not there, refuses the model or hangs, or the model has an
            operator that crashes it.
    """
    _expect_no_copies(model)
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, "model.tflite"), Path(folder, "model.rknn")
        source.write_bytes(model)
        printed = _run(platform, python, source, result)
        found = _VERSION.search(printed)
        if found is None or not result.is_file():
            raise ConversionError(
                f"rknn-toolkit2 cannot compile the model for {platform}. Its message: "
                f"{last_error(printed) or 'nothing'}"
            )
        return RknnCompiled(result.read_bytes(), found[1])


def contract_beside(contract: Contract, compiled: bytes) -> bytes:
    """The contract as JSON, whose digest is that of a compiled file beside it."""
    return contract.to_json(hashlib.sha256(compiled).hexdigest())


def _expect_no_copies(model: bytes) -> None:
    """Refuse a CONCATENATION that reads a tensor twice: it crashes rknn-toolkit2 2.5."""
    parsed = parse_tflite(model)
    graph = parsed.subgraphs[0]
    for each in graph.operators:
        joins = operator_kind(parsed, each) == "CONCATENATION"
        if joins and len({*each.inputs}) < len(each.inputs):
            raise ConversionError(
                f"The CONCATENATION {text_of(graph.tensors[each.outputs[0]].name)} reads a tensor "
                "twice, which crashes rknn-toolkit2. Write it otherwise in your network, for "
                "example as a convolution."
            )


def _run(platform: str, python: str, source: Path, result: Path) -> str:
    """Run the toolkit; returns what it prints."""
    arguments = run_code(_COMPILE, source, result, platform)[1:]
    done = run_compiler(
        [python, *arguments],
        name="rknn-toolkit2",
        target=platform,
        program=f"The Python {python} of --rknn-python",
        limit_s=TIME_LIMIT_S,
        folder=source.parent,
        # TensorFlow's import warns, and the toolkit fails if warnings are errors.
        environment={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    if "No module named 'rknn'" in done.stdout:
        raise ConversionError(
            f"{python} has no rknn-toolkit2: {python} -m pip install "
            "rknn-toolkit2==2.5.0 tensorflow==2.14.0."
        )
    return done.stdout
