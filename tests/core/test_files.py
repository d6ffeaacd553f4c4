"""Where files are written: modes, owners, links, file systems that lack something, leftovers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import NoReturn

import pytest

from tfl_depth import files
from tfl_depth.errors import OutputError
from tfl_depth.files import whole_file, write_whole
from tfl_depth.signing import check_signature, new_key_pair
from tfl_depth.signing import sign as sign_model
from tfl_depth.tools import sign

ROOT = Path(__file__).resolve().parents[2]


def test_link_is_followed_and_mode_and_owner_stay(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    file, link = tmp_path / "folder" / "file", tmp_path / "link"
    file.write_bytes(b"old")
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 12, 34)
    before = file.stat()
    link.symlink_to(Path("folder", "file"))
    write_whole(link, b"new")
    after = file.stat()
    assert link.is_symlink() and file.read_bytes() == b"new"
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode, before.st_uid, before.st_gid
    )  # fmt: skip
    with whole_file(link) as partial:
        partial.write_bytes(b"newer")
    assert link.read_bytes() == b"newer" and file.stat().st_mode == before.st_mode


def test_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    write_whole(tmp_path / "one", b"")
    (tmp_path / "other").touch()
    assert (tmp_path / "one").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("there", [False, True])
def test_file_system_without_modes_and_locks_and_links_is_written(
    there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As FUSE's and SMB's are, where every tool said "Operation not permitted"."""

    def no(*_arguments: object, **_options: object) -> NoReturn:
        raise PermissionError(1, "Operation not permitted")

    for name in ("chmod", "fchmod", "chown", "fchown", "link"):
        monkeypatch.setattr(os, name, no)
    monkeypatch.setattr(Path, "chmod", no)
    monkeypatch.setattr("fcntl.flock", no)
    if there:
        (tmp_path / "file").write_bytes(b"old")
    write_whole(tmp_path / "file", b"new")
    assert sign.main(["--new-key", str(tmp_path / "key")]) == 0
    assert sign.main(["--new-key", str(tmp_path / "key")]) == 1
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"file", "key-private.pem", "key-public.pem"}
    assert (tmp_path / "file").read_bytes() == b"new"


HOLDING = """
import sys
from pathlib import Path
from tfl_depth.files import whole_file
with whole_file(Path(sys.argv[1])) as partial:
    partial.write_text("half")
    print("there", flush=True)
    sys.stdin.read()
"""


def hidden(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.startswith(".")]


def test_leftovers_of_a_killed_run_are_cleared_and_those_of_a_running_one_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-W", "ignore", "-c", HOLDING, str(tmp_path / "clip.mp4")]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"there\n"
        (held,) = hidden(tmp_path)
        write_whole(tmp_path / "other", b"")
        assert hidden(tmp_path) == [held]
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert hidden(tmp_path) == [held]
    # As in the next process.
    monkeypatch.setattr(files, "_cleared", set())
    write_whole(tmp_path / "other", b"")
    assert hidden(tmp_path) == []


def test_longest_names_are_written(tmp_path: Path) -> None:
    path = tmp_path / f"{'n' * 251}.mp4"
    write_whole(path, b"whole")
    with whole_file(path) as partial:
        partial.write_bytes(b"too")
    assert path.read_bytes() == b"too"
    with pytest.raises(OutputError, match="File name too long"):
        write_whole(tmp_path / ("n" * 256), b"")


def test_of_several_who_make_one_key_one_wins_and_the_others_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    together = Barrier(4)
    pairs = [new_key_pair() for _ in range(4)]

    def at_once() -> tuple[bytes, bytes]:
        together.wait()
        return pairs.pop()

    monkeypatch.setattr("tfl_depth.signing.new_key_pair", at_once)
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda _: sign.main(["--new-key", str(tmp_path / "k")]), range(4)))
    assert sorted(statuses) == [0, 1, 1, 1]
    assert capsys.readouterr().err.count("exists, and a key is never replaced") == 3
    assert (tmp_path / "k-private.pem").stat().st_mode & 0o777 == 0o600


def test_signing_keeps_the_mode_and_follows_the_link(net: Path, tmp_path: Path) -> None:
    private, public = new_key_pair()
    (tmp_path / "key.pem").write_bytes(private)
    model, link = tmp_path / "model-1.tflite", tmp_path / "model.tflite"
    model.write_bytes(net.read_bytes())
    model.chmod(0o600)
    link.symlink_to(model)
    assert sign.main([str(link), "--key", str(tmp_path / "key.pem")]) == 0
    assert link.is_symlink() and model.stat().st_mode & 0o777 == 0o600
    assert model.read_bytes() == sign_model(net.read_bytes(), private)
    check_signature(model.read_bytes(), public)
