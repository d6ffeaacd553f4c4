"""Debian's OpenSSH server, with an emulated aarch64 as its user's Python: make board-test."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.synthetic_data import write_dataset
from tfl_depth.tools import board, evaluate, prove

# The folder of an interpreter package in build/board.
BOARD = os.environ.get("TFL_DEPTH_BOARD")
pytestmark = pytest.mark.skipif(BOARD is None, reason="make board-test runs it")
ROOT = Path(__file__).resolve().parents[2]
SSHD = ROOT / "build" / "sshd"
CONFIG = """
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
"""


@contextmanager
def sshd(folder: Path) -> Iterator[int]:
    """The server, for the user who runs the tests; its port."""
    for name in ("host_key", "user_key"):
        call = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(call, check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "sshd_config").write_text(CONFIG.format(port=port, folder=folder))
    libraries = ":".join(str(path) for path in SSHD.glob("*lib/*-linux-gnu"))
    libraries += ":" + ":".join(str(path) for path in SSHD.glob("usr/lib/*-linux-gnu"))
    server = [str(SSHD / "usr/sbin/sshd"), "-D", "-e", "-f", str(folder / "sshd_config")]
    if os.getuid() == 0:
        server = in_own_mounts(folder, server)
    log = (folder / "log").open("w")
    started = subprocess.Popen(server, env={**os.environ, "LD_LIBRARY_PATH": libraries}, stderr=log)
    try:
        for _ in range(100):
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        else:
            pytest.fail((folder / "log").read_text())
        yield port
    finally:
        started.terminate()
        started.wait(10)
        log.close()


def in_own_mounts(folder: Path, server: list[str]) -> list[str]:
    """Root's server asks for a user `sshd` and for /run/sshd: it alone sees them."""
    users = Path("/etc/passwd").read_text() + "sshd:x:65533:65534::/run/sshd:/bin/false\n"
    (folder / "passwd").write_text(users)
    script = (
        f"mount --bind {folder}/passwd /etc/passwd && mount -t tmpfs none /run && "
        f"mkdir -m 755 /run/sshd && exec {shlex.join(server)}"
    )
    return ["unshare", "--mount", "sh", "-c", script]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The board's name in the list."""
    home = tmp_path_factory.mktemp("home")
    folder = tmp_path_factory.mktemp("sshd")
    with pytest.MonkeyPatch.context() as patch, sshd(folder) as port:
        patch.setenv("HOME", str(home))
        patch.delenv("XDG_CONFIG_HOME", raising=False)
        (home / ".ssh").mkdir(mode=0o700)
        (home / ".ssh/config").write_text(f"IdentityFile {folder}/user_key\n")
        add = ["add", "bench", f"ssh://127.0.0.1:{port}", "--python", f"{BOARD}/python"]
        assert board.main([*add, "--folder", str(folder / "there"), "--trust-new-host"]) == 0
        yield "bench"


def test_the_board_is_what_it_is(bench: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert board.main(["doctor", bench, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert (found["machine"], found["lacks"]) == ("aarch64", [])


def test_an_arm_board_proves_the_millimeters(
    bench: str, models: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    call = [str(models / "net.tflite"), "--board", bench, "--delegate", "cpu", "--json"]
    assert prove.main(call) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["board"]["machine"] == "aarch64"
    assert report["millimeters"]["verdict"] == "right"
    assert report["sent_bytes"] > 0


def test_the_table_of_an_arm_board_is_that_of_this_machine(
    bench: str, models: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = write_dataset(tmp_path / "slopes", {"val": 2})
    # The spread of correct kernels is of whole codes; this network has none between the two.
    call = [str(models / "net.tflite"), "--dataset", "nyuv2", "--data", str(data), "--json"]
    assert evaluate.main(call) == 0
    here = json.loads(capfd.readouterr().out)
    assert evaluate.main([*call, "--board", bench, "--delegate", "cpu"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["result"]["metrics"] == pytest.approx(here["metrics"], rel=0.01)
    assert report["sent_bytes"] == 0
