"""Arm's compiler for the Ethos NPUs, with a memory layout that fits each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Accelerator: the system configuration and memory mode of Vela's Arm/vela.ini.
ETHOS = {
    "ethos-u55-256": ("Ethos_U55_High_End_Embedded", "Shared_Sram"),
    "ethos-u65-512": ("Ethos_U65_High_End", "Dedicated_Sram"),
    "ethos-u85-1024": ("Ethos_U85_SYS_DRAM_High", "Dedicated_Sram_512KB"),
}


def vela(model: Path, accelerator: str, folder: Path, *, verbose: bool = False) -> str:
    """Compile `model` to NAME_vela.tflite in `folder`; returns the report that Vela prints.

    With `verbose` the NPU's registers are in it.
    """
    system, memory = ETHOS[accelerator]
    done = subprocess.run(
        [sys.executable, "-m", "ethosu.vela", model, "--accelerator-config", accelerator,
         "--config", "Arm/vela.ini", "--system-config", system, "--memory-mode", memory,
         "--output-dir", folder, *(["--verbose-register-command-stream"] if verbose else [])],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"Vela failed: {done.stdout}{done.stderr}")
    return done.stdout
