"""A board on the loopback: an SSH server that runs commands on this machine, and its faults."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

# What a command names to learn whether the board has restarted.
BOOT_ID = "/proc/sys/kernel/random/boot_id"


@dataclass
class SshBoard:
    """The server, while it runs.

    Attributes:
        port: on 127.0.0.1.
        host_key: what it shows, in OpenSSH's format.
        boot_id: a file that stands for Linux's; None for this machine's own.
        cut: a text; the link ends when a command that has it starts. None for no such fault.
        restarts: whether the board has another `boot_id` after the link was cut.
        closed: whether it refuses all who come after the link was cut.
        commands: those that were started.
        running: what serves those that have not ended, also after the link was cut.
    """

    port: int
    host_key: str
    boot_id: Path | None = None
    cut: str | None = None
    restarts: bool = False
    closed: bool = False
    commands: list[str] = field(default_factory=list)
    running: set[asyncio.Task[Any]] = field(default_factory=set)


@contextmanager
def ssh_board(home: Path, environment: Mapping[str, str] | None = None) -> Iterator[SshBoard]:
    """Serve until the block ends.

    Args:
        home: of the user on this machine, whose ~/.ssh gets a new key and the host's.
        environment: of the commands, beside this process's.
    """
    keys = home / ".ssh"
    keys.mkdir(mode=0o700, parents=True)
    user, host = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    (keys / "id_ed25519").touch(mode=0o600)
    user.write_private_key(str(keys / "id_ed25519"))
    user.write_public_key(str(keys / "id_ed25519.pub"))
    loop, started = asyncio.new_event_loop(), threading.Event()
    board = SshBoard(0, host.export_public_key().decode().strip())
    stop = asyncio.Event()

    async def serve() -> None:
        server = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[host],
            authorized_client_keys=asyncssh.import_authorized_keys(
                user.export_public_key().decode()
            ),
            process_factory=lambda process: _handle(board, process, environment or {}),
            server_factory=lambda: _Server(board),
            encoding=None,
        )
        board.port = server.get_port()
        started.set()
        await stop.wait()
        server.close()
        await server.wait_closed()
        await _end(board.running)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert started.wait(10)
    (keys / "known_hosts").write_text(f"[127.0.0.1]:{board.port} {board.host_key}\n")
    try:
        yield board
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


class _Server(asyncssh.SSHServer):
    def __init__(self, board: SshBoard) -> None:
        self._board = board

    def connection_made(self, conn: Any) -> None:
        if self._board.closed and self._board.cut is None:
            conn.abort()


async def _end(running: set[asyncio.Task[Any]]) -> None:
    """End the commands that outlived the link. Their pipes must not outlive the loop."""
    for task in (tasks := list(running)):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _handle(board: SshBoard, process: Any, environment: Mapping[str, str]) -> None:
    task = asyncio.current_task()
    assert task is not None
    board.running.add(task)
    try:
        await _serve_command(board, process, environment)
    finally:
        board.running.discard(task)


async def _serve_command(board: SshBoard, process: Any, environment: Mapping[str, str]) -> None:
    command = process.command
    board.commands.append(command)
    if board.boot_id is not None:
        command = command.replace(BOOT_ID, str(board.boot_id))
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", command),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env={**os.environ, **environment},
        cwd=environment.get("HOME"),  # where a login begins
        start_new_session=True,  # as by a real server
    )
    feeding = asyncio.create_task(_relay(process.stdin, child.stdin))
    telling = [
        asyncio.create_task(_relay(child.stdout, process.stdout)),
        asyncio.create_task(_relay(child.stderr, process.stderr)),
    ]
    try:
        if board.cut is not None and board.cut in command:
            await asyncio.sleep(0.5)
            board.cut = None
            if board.restarts and board.boot_id is not None:
                board.boot_id.write_text("another\n")
            process.get_extra_info("connection").abort()
        status = await child.wait()
        await asyncio.gather(*telling)
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()
        raise
    finally:
        for task in (feeding, *telling):
            task.cancel()
    if status < 0:
        # As a shell says it; OpenSSH's server has a message for a signal, which asyncssh lacks.
        status = 128 - status
    process.exit(status)


async def _relay(source: Any, target: Any) -> None:
    """From one stream to another, up to its end, which is handed on as well."""
    with suppress(OSError, asyncssh.Error):
        while content := await source.read(65536):
            target.write(content)
            await target.drain()
        if isinstance(target, asyncio.StreamWriter):
            target.close()
