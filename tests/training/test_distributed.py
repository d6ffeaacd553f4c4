"""Training over two hosts, which here are two processes on the loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.support.jax_training import by_jax
from tests.support.quick_xla import QUICK_XLA
from tests.support.synthetic_data import write_dataset

ROOT = Path(__file__).resolve().parents[2]
# What each process ends with goes to the file SEEN.
TRAIN = """
import sys
from dataclasses import replace
from pathlib import Path
import keras
import numpy as np
import pytest
from tests.support.small_training import RECIPE, small_net, without_curves
from tfl_depth.training import loop
from tfl_depth.training.distributed import joined
data, run, seen = (Path(name) for name in sys.argv[1:])
loop.depth_net = small_net
without_curves(pytest.MonkeyPatch())
compiled, models = loop._compiled, []
def kept(*arguments):
    models.append(compiled(*arguments))
    return models[-1]
loop._compiled = kept
with joined() as hosts:
    loop.train(replace(RECIPE, epochs=(2,)), data, run, hosts=hosts)
    variables = [*models[0].variables, *models[0].optimizer.variables]
    np.savez(seen, **{v.path.replace("/", ":"): keras.ops.convert_to_numpy(v) for v in variables})
"""


def start(
    *arguments: Path, address: str = "", index: int = 0, count: int = 1
) -> subprocess.Popen[str]:
    environment = {
        "KERAS_BACKEND": "jax",
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
        "KERAS_DISTRIBUTION_NUM_PROCESSES": str(count),
        "KERAS_DISTRIBUTION_PROCESS_ID": str(index),
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.Popen(
        [sys.executable, "-c", TRAIN, *map(str, arguments)],
        env={**os.environ, **QUICK_XLA, **environment},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@by_jax
def test_two_hosts_end_with_the_weights_of_one(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data", {"train": 5, "val": 2})
    address = f"127.0.0.1:{free_port()}"
    run, weights = (
        tmp_path / "run",
        [tmp_path / f"{name}.npz" for name in ("first", "second", "one")],
    )
    processes = [
        start(data, run, weights[0], address=address, index=0, count=2),
        start(data, run, weights[1], address=address, index=1, count=2),
        start(data, tmp_path / "alone", weights[2]),
    ]
    try:
        for process in processes:
            output, _ = process.communicate(timeout=300)
            assert process.returncode == 0, output
    finally:
        for process in processes:
            process.kill()
    first, second, one = (dict(np.load(path)) for path in weights)
    assert first.keys() == second.keys() == one.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
    # The bias before a batch normalization has no gradient but rounding, which Adam blows up.
    for name in first.keys() - {"conv2d:bias"}:
        if "adam" not in name:
            np.testing.assert_allclose(first[name], one[name], atol=2e-3, err_msg=name)
    assert (run / "log.csv").read_text().count("\n") == 3
