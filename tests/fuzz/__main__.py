"""Fuzz targets by Atheris: python -m tests.fuzz SECONDS [TARGET ...], for so long each.

What it finds of new ways through the code stays in build/fuzz/TARGET for the next time; an input
that breaks a target is written to build/fuzz/TARGET-crash-*, and the exit status is 1.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "fuzz"
MODELS = ROOT / "build" / "test-models"
LONGEST_BYTES = 64 * 1024
# Of one input; beyond it is a finding as well.
TIMEOUT_S = 10
MEMORY_MIB = 2048


def run(target: str, seconds: int) -> int:
    """Fuzz a target in a process of its own; its exit status."""
    from tests.fuzz.seeds import seeds

    corpus = WORK / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(seeds(target, MODELS)):
        (corpus / f"seed-{number}").write_bytes(content)
    options = {
        "max_total_time": seconds,
        "max_len": LONGEST_BYTES,
        "timeout": TIMEOUT_S,
        "rss_limit_mb": MEMORY_MIB,
        "artifact_prefix": f"{WORK}/{target}-",
        "print_final_stats": 1,
        "verbosity": 0,
    }
    arguments = [f"-{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "tests.fuzz.one", target, str(corpus), *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def main() -> None:
    """Fuzz the targets that were named, or all."""
    from tests.fuzz.targets import TARGETS

    seconds, *names = sys.argv[1:]
    broken = [name for name in names or TARGETS if run(name, int(seconds))]
    if broken:
        sys.exit(f"Broken by inputs in {WORK}: {', '.join(broken)}.")


if __name__ == "__main__":
    main()
