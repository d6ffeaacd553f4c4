"""What a benchmark ran on: the processor and the versions of packages."""

from __future__ import annotations

import platform
import re
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import tfl_depth

# Linux's names of instructions, of x86 and of Arm.
INT8_INSTRUCTIONS = ("avx2", "avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm")
PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "ai-edge-litert",
    "openvino",
    "onnxruntime",
    "tf2onnx",
)


def cpu_name() -> str:
    """Return the processor's name, and its instructions that are important for int8."""
    words = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    name = re.search(r"^model name\s*: (.*)$", words, re.MULTILINE)
    known = [each for each in INT8_INSTRUCTIONS if re.search(rf"\b{each}\b", words)]
    return f"{name[1] if name else platform.machine()} ({', '.join(known) or 'none'})"


def package_versions() -> dict[str, str]:
    """Return the versions of installed packages."""
    found = {"tfl-depth": tfl_depth.__version__}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
