"""Commands load neither TensorFlow nor Keras for a .tflite, which takes seconds and a gigabyte."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.synthetic_data import write_dataset

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("tensorflow", "keras", "tf_keras", "torch", "jax")
RUN = f"""
import sys
from tfl_depth.tools.cli import main
status = main(sys.argv[1:])
heavy = set({HEAVY}) & set(sys.modules)
sys.exit(f"The command has loaded {{heavy}}." if heavy else status)
"""
# MODEL, KEY and DATA are replaced by paths.
COMMANDS = {
    "inspect": "MODEL --html MODEL.html",
    "placement": "MODEL --target ethos-u65-256 --picture MODEL.png",
    "sign": "MODEL --key KEY-private.pem",
    "prove": "MODEL",
    "evaluate": "MODEL --dataset nyuv2 --data DATA --against MODEL --output DATA/out",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_command_loads_no_training_framework(name: str, net: Path, tmp_path: Path) -> None:
    model = shutil.copy(net, tmp_path / "model.tflite")
    given = COMMANDS[name].replace("MODEL", str(model)).replace("KEY", str(tmp_path / "key"))
    if name == "sign":
        run("sign", "--new-key", str(tmp_path / "key"))
    if name == "evaluate":
        given = given.replace("DATA", str(write_dataset(tmp_path / "data", {"val": 2})))
    run(name, *given.split())


def run(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=ROOT,
        # The warnings of the packages that draw are theirs.
        env={**os.environ, "PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
