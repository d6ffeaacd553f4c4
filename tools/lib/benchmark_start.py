"""The time from the start of a process to its first depth."""

from __future__ import annotations

import json
import statistics
import subprocess
from pathlib import Path
from time import monotonic
from typing import Any

from tfl_depth import child

# The first depth of a new process. Resident memory is measured before the model is loaded. The time
# to read the file and its contract is measured separately, at the end.
START = """
import json, pathlib, resource, sys, time
times = [time.monotonic()]
import tfl_depth.runtime
times.append(time.monotonic())
with open("/proc/self/statm") as statm:
    resident = int(statm.read().split()[1]) * resource.getpagesize()
import numpy
settings = json.loads(sys.argv[2])
runner = tfl_depth.runtime.DepthRunner(sys.argv[1], **settings)
times.append(time.monotonic())
runner.infer(numpy.zeros((*runner.model_size, 3), numpy.uint8))
times.append(time.monotonic())
tfl_depth.format.contract.read_contract(pathlib.Path(sys.argv[1]).read_bytes())
times.append(time.monotonic())
print(json.dumps({"times_s": times, "resident_mib": resident / 2**20}))
"""
STARTS = 5


def measure_start(model: Path, settings: dict[str, Any]) -> dict[str, float]:
    """Measure a new process up to its first depth, in milliseconds and MiB: medians."""
    starts = [_one_start(model, settings) for _ in range(STARTS)]
    return {name: statistics.median(each[name] for each in starts) for name in starts[0]}


def _one_start(model: Path, settings: dict[str, Any]) -> dict[str, float]:
    launched = monotonic()
    done = subprocess.run(
        child.run_code(START, model.resolve(), json.dumps(settings), flags=("-W", "ignore")),
        env=child.environment(),
        stdout=subprocess.PIPE,
        check=True,
    )
    told = json.loads(done.stdout)
    began, imported, opened, ended, checked = (1000 * each for each in told["times_s"])
    return {
        "python_ms": began - 1000 * launched,
        "import_ms": imported - began,
        "read_and_contract_ms": checked - ended,
        "interpreter_ms": max(0.0, opened - imported - (checked - ended)),
        "first_depth_ms": ended - opened,
        "total_ms": ended - 1000 * launched,
        "resident_mib": told["resident_mib"],
    }
