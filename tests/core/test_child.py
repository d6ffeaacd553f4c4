"""Python processes that are started: they run no code from the folder that the user is in."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import tfl_depth
from tfl_depth import child

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(tfl_depth.__file__).parent
# Links in a checkout, which rglob does not follow.
LINKED = ("converters", "runtime", "tools")
# The helper itself; the command, which replaces its own process by the same one; and what makes
# environments of other Pythons, which it starts with -I.
ALLOWED = {
    # Sent to boards as text; it imports nothing of the package.
    "boards/on_board/board_state.py",
    # The default of --neutron-python.
    "target_settings.py",
    "child.py",
    "tools/cli.py",
    "converters/importers/environments.py",
    "converters/importers/making.py",
}


def test_one_helper_starts_every_python_process() -> None:
    other_ways = re.compile(r"sys\.executable|(import|from) multiprocessing|os\.fork\(")
    found = {
        str(path.relative_to(PACKAGE))
        for folder in (PACKAGE, *(PACKAGE / name for name in LINKED))
        for path in folder.rglob("*.py")
        if other_ways.search(path.read_text("utf-8"))
    }
    assert found == ALLOWED


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A folder whose modules end the process that imports them."""
    for name in ("numpy", "runpy", "pickle", "cv2", "json", "tfl_depth"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('code of the folder has run')")
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        child.run_code("import numpy, json; print(sys.argv[1:])", "one", "two"),
        child.run_module("tests.support.echo", "one", "two"),
    ],
    ids=["code", "module"],
)
def test_modules_of_the_users_folder_are_not_imported(command: list[str], trap: Path) -> None:
    done = subprocess.run(
        command, cwd=trap, env=child.environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "['one', 'two']\n"


def test_worker_of_an_isolated_runner_takes_nothing_from_the_users_folder(
    trap: Path, net: Path
) -> None:
    code = (
        "import tfl_depth.runtime, os; os.chdir(sys.argv[2])\n"
        "tfl_depth.runtime.DepthRunner(sys.argv[1], isolate=True).close()"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import sys\n{code}", str(net), str(trap)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
