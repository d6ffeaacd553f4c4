"""A link by SSH, with the user's keys, agent, ~/.ssh/config and known hosts."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

from tfl_depth.boards.address import SshAddress
from tfl_depth.boards.connection import BoardConnection, BoardProcess, CommandResult, LinkLostError
from tfl_depth.errors import BoardError

CONNECT_LIMIT_S = 15.0
# The link is lost if the board does not answer 3 keep-alive messages, one every 5 s.
_KEEPALIVE_S, _KEEPALIVES = 5, 3
_T = TypeVar("_T")


class SshConnection(BoardConnection):
    """A link by SSH.

    Calls block: the event loop runs only during a call.
    """

    def __init__(self, address: SshAddress, host_key: str | None = None) -> None:
        """Connect and log in.

        Args:
            address: of the board.
            host_key: the required key of the host, in OpenSSH's format; None for those of
                the user's known_hosts.

        Raises:
            BoardError: the host is unknown, does not answer, or refuses the user.
        """
        self._loop = asyncio.new_event_loop()
        try:
            self._connection = self.wait(_connected(address, host_key), 2 * CONNECT_LIMIT_S)
        except BaseException as error:
            self._loop.close()
            refusal = _refusal(error, address)
            if refusal is None:
                raise
            raise refusal from error

    def start(self, command: str) -> BoardProcess:
        """Start a command; see `BoardConnection`."""
        process = self._connection.create_process(command, encoding=None)
        return _SshProcess(self, self.wait(process, CONNECT_LIMIT_S))

    def close(self) -> None:
        """End the link; see `BoardConnection`."""
        if self._loop.is_closed():
            return
        self._connection.close()
        with suppress(Exception):  # a lost link needs no end
            self.wait(self._connection.wait_closed(), 2.0)
        self._connection.abort()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def wait(self, what: Awaitable[_T], limit_s: float) -> _T:
        """Run the event loop until there is a result.

        Raises:
            TimeoutError: after the limit.
            LinkLostError: the link ended.
        """
        try:
            return self._loop.run_until_complete(asyncio.wait_for(what, limit_s))
        except (asyncio.TimeoutError, asyncssh.TimeoutError) as error:
            raise TimeoutError from error
        except (asyncssh.ConnectionLost, BrokenPipeError, ConnectionError) as error:
            raise LinkLostError("The link ended.") from error
        except asyncssh.ChannelOpenError as error:
            raise LinkLostError(f"The link ended: {error.reason}.") from error


class _SshProcess(BoardProcess):
    def __init__(self, link: SshConnection, process: Any) -> None:
        self._link, self._process = link, process

    def send(self, content: bytes, limit_s: float) -> None:
        self._link.wait(self._send(content), limit_s)

    async def _send(self, content: bytes) -> None:
        self._process.stdin.write(content)
        await self._process.stdin.drain()

    def end_input(self) -> None:
        with suppress(OSError):  # of a process that has ended
            self._process.stdin.write_eof()

    def receive(self, size: int, limit_s: float) -> bytes:
        try:
            return bytes(self._link.wait(self._process.stdout.readexactly(size), limit_s))
        except asyncio.IncompleteReadError as error:
            return bytes(error.partial)

    def finish(self, limit_s: float) -> CommandResult:
        done = self._link.wait(self._process.wait(), limit_s)
        if done.returncode is None:
            raise LinkLostError("The link ended before the program did.")
        # asyncssh returns -N if signal N ended it.
        status = done.returncode if done.returncode >= 0 else 128 - done.returncode
        return CommandResult(
            status, bytes(done.stdout), bytes(done.stderr).decode(errors="replace")
        )


def host_key_of(address: SshAddress) -> str:
    """The current key of a host, in OpenSSH's format.

    Raises:
        BoardError: the host does not answer.
    """
    more: dict[str, Any] = {"config": _config_files()}
    if address.port is not None:
        more["port"] = address.port
    try:
        key = asyncio.run(
            asyncio.wait_for(asyncssh.get_server_host_key(address.host, **more), CONNECT_LIMIT_S)
        )
    except BaseException as error:
        refusal = _refusal(error, address)
        if refusal is None:
            raise
        raise refusal from error
    if key is None:
        raise BoardError(f"{address.host} shows no host key.")
    return str(key.export_public_key().decode()).strip()


def fingerprint(host_key: str) -> str:
    """The fingerprint of a key, as ssh-keygen shows it."""
    return str(asyncssh.import_public_key(host_key).get_fingerprint())


async def _connected(address: SshAddress, host_key: str | None) -> Any:
    given: dict[str, Any] = {"host": address.host, "config": _config_files()}
    if address.user is not None:
        given["username"] = address.user
    if address.port is not None:
        given["port"] = address.port
    return await asyncssh.connect(
        **given,
        known_hosts=_known_hosts(given, host_key),
        connect_timeout=CONNECT_LIMIT_S,
        login_timeout=CONNECT_LIMIT_S,
        keepalive_interval=_KEEPALIVE_S,
        keepalive_count_max=_KEEPALIVES,
    )


def _config_files() -> list[str]:
    """The user's ~/.ssh/config, if there is one."""
    path = Path.home() / ".ssh" / "config"
    return [str(path)] if os.access(path, os.R_OK) else []


def _known_hosts(given: dict[str, Any], host_key: str | None) -> Any:
    """The keys that asyncssh trusts: one key, or the files of the user's configuration."""
    if host_key is not None:
        return [asyncssh.import_public_key(host_key)], [], []
    if asyncssh.SSHClientConnectionOptions(**given).known_hosts is None:
        # "UserKnownHostsFile none": asyncssh would take any host, where ssh knows none.
        return b""
    return ()


def _refusal(error: BaseException, address: SshAddress) -> BoardError | None:
    """The message for a failed connection; None for other errors."""
    user = f"{address.user}@" if address.user else ""
    host = f"{user}{address.host}"
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return BoardError(
            f"The host key of {address.host} is not in your known_hosts ({error.reason}): run "
            f"ssh {host} once and compare the key, or add the board with --trust-new-host."
        )
    if isinstance(error, asyncssh.PermissionDenied):
        return BoardError(
            f"{address.host} refuses the login of {address.user or 'your user'}: put your public "
            f"key there with ssh-copy-id {host}."
        )
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return BoardError(
            f"{address.host} does not answer within {CONNECT_LIMIT_S:g} s: is the board on, and on "
            "this network?"
        )
    if isinstance(error, asyncssh.ConfigParseError):
        return BoardError(f"Your ~/.ssh/config cannot be read: {_words(error)}.")
    if isinstance(error, OSError | LinkLostError | asyncssh.Error):
        return BoardError(
            f"Cannot connect to {address.host} by SSH ({_words(error)}): is the board on, and does "
            "its SSH server run?"
        )
    return None


def _words(error: BaseException) -> str:
    cause = error.__cause__ if isinstance(error, LinkLostError) and error.__cause__ else error
    return " ".join(str(cause).split()).rstrip(".")
