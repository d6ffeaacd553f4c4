"""What goes wrong on the way to a board and on it, a sentence each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from tests.support.ssh_board import SshBoard
from tfl_depth.boards import BoardEntry, RemoteBoard, lost_link
from tfl_depth.boards.board_facts import BoardFacts, refusals
from tfl_depth.boards.board_python import BoardPython
from tfl_depth.boards.open_connection import open_connection
from tfl_depth.errors import BoardError
from tfl_depth.tools.board import main

FACTS = BoardFacts(
    python="3.11.2",
    executable="/usr/bin/python3",
    machine="aarch64",
    system="",
    kernel="",
    model="",
    pip=True,
    packages={name: {"version": "9.0", "error": ""} for name in ("numpy", "cv2")},
    interpreter={"name": "tflite_runtime", "version": "2.14.0", "error": ""},
    folder="/root/.cache/tfl-depth",
    unwritable="",
)


def refused(entry: BoardEntry) -> str:
    """What a connection is refused with."""
    with pytest.raises(BoardError) as caught:
        RemoteBoard(entry)
    return str(caught.value)


# The link


def test_an_unknown_host_is_refused_until_it_is_trusted(
    entry: BoardEntry, home: Path, server: SshBoard, capsys: pytest.CaptureFixture[str]
) -> None:
    known = home / ".ssh" / "known_hosts"
    content = known.read_text()
    known.unlink()
    (home / ".ssh" / "config").write_text("Host *\n  UserKnownHostsFile none\n")
    try:
        assert "is not in your known_hosts" in refused(entry)
        (home / ".ssh" / "config").unlink()
        assert "is not in your known_hosts" in refused(entry)
        assert main(["add", "new", entry.address, "--trust-new-host"]) == 0
        assert "SHA256:" in capsys.readouterr().out
        trusted = replace(entry, host_key=server.host_key)
        open_connection(trusted).close()
        another = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
        assert "is not in your known_hosts" in refused(replace(entry, host_key=another))
    finally:
        known.write_text(content)


def test_a_user_without_a_key_is_refused(entry: BoardEntry, home: Path) -> None:
    key = home / ".ssh" / "id_ed25519"
    key.rename(key.with_suffix(".away"))
    try:
        assert "put your public key there with ssh-copy-id" in refused(entry)
    finally:
        key.with_suffix(".away").rename(key)


def test_a_board_that_is_off_is_not_reached(entry: BoardEntry) -> None:
    assert "is the board on" in refused(replace(entry, address="ssh://root@127.0.0.1:9"))


@pytest.mark.parametrize(
    ("restarts", "closed", "sentence"),
    [
        (False, False, "The link to bench was lost while it ran tfl-depth prove, and the board"),
        (True, False, "bench restarted while it ran tfl-depth prove"),
        (False, True, "does not answer within 0.1 s"),
    ],
)
def test_a_lost_link_is_told_from_a_restart(
    entry: BoardEntry,
    server: SshBoard,
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    restarts: bool,
    closed: bool,
    sentence: str,
) -> None:
    server.boot_id = tmp_path / "boot_id"
    server.boot_id.write_text("this one\n")
    monkeypatch.setattr(lost_link, "RECONNECT_LIMIT_S", 0.1)
    monkeypatch.setattr(lost_link, "_PAUSE_S", 0.1)
    with RemoteBoard(entry) as board:
        server.cut, server.restarts, server.closed = "board_run", restarts, closed
        try:
            with pytest.raises(BoardError, match=sentence):
                board.run_tool("prove", [models / "net.tflite"])
        finally:
            server.cut, server.closed, server.boot_id = None, False, None


def test_what_takes_too_long_is_ended_on_the_board(entry: BoardEntry, board_home: Path) -> None:
    mark = board_home / "alive"
    code = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    connection = open_connection(entry)
    try:
        process = BoardPython(entry, connection).start(["-c", code], "/", {}, 1.5)
        assert process.finish(30).status == 124
    finally:
        connection.close()
    assert is_gone(int(mark.read_text()))


def test_a_program_ends_with_its_link(entry: BoardEntry, board_home: Path) -> None:
    mark = board_home / "linked"
    code = f"import os, time; print(os.getpid(), flush=True); time.sleep(60); open({str(mark)!r})"
    connection = open_connection(entry)
    process = BoardPython(entry, connection).start(["-c", code], "/", {}, 60)
    number = b""
    while not number.endswith(b"\n"):
        number += process.receive(1, 30)
    connection.close()
    for _ in range(100):
        if is_gone(int(number)):
            return
        subprocess.run(["sleep", "0.1"], check=True)
    pytest.fail("It still runs.")


def is_gone(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


# The disk


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[None]:
    """A file system of 256 KiB at a folder."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    if os.getuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def delivered(entry: BoardEntry, folder: Path, content: bytes) -> int:
    connection = open_connection(entry)
    try:
        return BoardPython(entry, connection).deliver(str(folder), [content])
    finally:
        connection.close()


def test_a_full_disk_is_said_before_anything_is_sent(entry: BoardEntry, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "size=256k"):
        with pytest.raises(BoardError, match=r"The disk of bench is full: 1\.0 MB are needed"):
            delivered(entry, disk, os.urandom(10**6))
        assert not [path for path in disk.rglob("*") if path.is_file()]


def test_a_disk_that_fills_meanwhile_is_said(
    entry: BoardEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "disk"
    ask = BoardPython._ask

    def much_room(self: BoardPython, do: str, *given: object, **more: object) -> dict[str, object]:
        answer = ask(self, do, *given, **more)  # type: ignore[arg-type]
        return {**answer, "free_bytes": None} if do == "lacking" else answer

    monkeypatch.setattr(BoardPython, "_ask", much_room)
    with small_disk(disk, "size=256k"):
        with pytest.raises(BoardError, match="The disk of bench is full: delete"):
            delivered(entry, disk, os.urandom(10**6))
        assert not [path for path in disk.rglob("*") if path.is_file()]


def test_a_root_that_is_read_only_is_said(entry: BoardEntry, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    said = pytest.raises(BoardError, match=r"cannot be written \(Read-only file system\)")
    with small_disk(disk, "ro"), said:
        delivered(entry, disk, b"content")


# The board's Python


@pytest.fixture
def python(tmp_path: Path) -> Callable[[str], str]:
    """Makes a program that stands for a board's Python."""

    def made(script: str) -> str:
        path = tmp_path / "python3"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    return made


@pytest.mark.parametrize("version", ["3.9.18", "3.15.0", "2.7.18"])
def test_another_python_is_refused_before_anything_is_copied(
    entry: BoardEntry, server: SshBoard, python: Callable[[str], str], version: str
) -> None:
    before = len(server.commands)
    said = refused(replace(entry, python=python(f"echo {version}")))
    assert f"is Python {version}, and the runtime needs 3." in said
    assert not [command for command in server.commands[before:] if "receive" in command]


def test_a_board_without_python_is_told_so(entry: BoardEntry) -> None:
    said = refused(replace(entry, python="/nowhere/python3"))
    assert "bench has no Python that starts as /nowhere/python3" in said
    assert "not found" in said


def test_libraries_for_another_processor_do_not_load(
    entry: BoardEntry, server: SshBoard, python: Callable[[str], str], tmp_path: Path
) -> None:
    """An interpreter package whose library is this machine's, but for the field of its header."""
    import ai_edge_litert

    folder = tmp_path / "packages" / "tflite_runtime"
    folder.mkdir(parents=True)
    library = Path(ai_edge_litert.__path__[0], "_pywrap_string_util.so")
    foreign = bytearray(library.read_bytes()[: 2**16])
    foreign[18:20] = (243).to_bytes(2, "little")  # e_machine: RISC-V
    (folder / "_foreign.so").write_bytes(foreign)
    (folder / "__init__.py").touch()
    (folder / "interpreter.py").write_text("from tflite_runtime import _foreign\n")
    packages = f"PYTHONPATH={tmp_path / 'packages'}"
    with RemoteBoard(
        replace(entry, python=python(f'{packages} exec {sys.executable} "$@"'))
    ) as board:
        (said,) = board.lacks()
        assert "tflite_runtime of bench does not load on its architecture" in said
        with pytest.raises(BoardError, match="does not load on its architecture"):
            board.run_tool("doctor", [])
        assert board.sent_bytes == 0


@pytest.mark.parametrize(
    ("facts", "sentences"),
    [
        (FACTS, []),
        (
            replace(FACTS, packages={**FACTS.packages, "numpy": None}),
            ["bench lacks numpy: run there /usr/bin/python3 -m pip install 'numpy>=1.26'."],
        ),
        (
            replace(FACTS, packages={**FACTS.packages, "numpy": None}, pip=False),
            [
                "bench lacks numpy: it has no pip, so put numpy into its image, or pip by python3 "
                "-m ensurepip."
            ],
        ),
        (
            replace(FACTS, packages={**FACTS.packages, "cv2": {"version": "4.5.1", "error": ""}}),
            [
                "bench has cv2 4.5.1, which is too old: run there /usr/bin/python3 -m pip install "
                "'opencv-python-headless>=4.8'."
            ],
        ),
        (
            replace(FACTS, interpreter=None, machine="armv7l"),
            [
                "bench has no TensorFlow Lite interpreter: run there /usr/bin/python3 -m pip "
                "install 'tflite-runtime'."
            ],
        ),
        (
            replace(FACTS, interpreter=None, machine="riscv64"),
            [
                "bench has no TensorFlow Lite interpreter, and there is no package of one for its "
                "architecture, riscv64: use a board with aarch64, x86_64, armv7l."
            ],
        ),
        (
            replace(FACTS, unwritable="Read-only file system"),
            [
                "The folder /root/.cache/tfl-depth of bench cannot be written (Read-only file "
                "system): name another one with tfl-depth board add --folder."
            ],
        ),
    ],
)
def test_what_a_board_lacks_is_one_sentence(facts: BoardFacts, sentences: list[str]) -> None:
    assert [*refusals(BoardEntry("bench", "ssh://bench"), facts)] == sentences
