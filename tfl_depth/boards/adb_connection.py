"""A link by the Android Debug Bridge, with its protocol "shell,v2"."""

from __future__ import annotations

import struct
from time import monotonic
from typing import Any

import adbutils

from tfl_depth.boards.address import AdbAddress
from tfl_depth.boards.connection import BoardConnection, BoardProcess, CommandResult, LinkLostError
from tfl_depth.errors import BoardError

# Packets of platform/packages/modules/adb/shell_protocol.h: a byte for the kind, a length.
_HEADER = struct.Struct("<BI")
_INPUT, _OUTPUT, _ERRORS, _EXIT, _END_OF_INPUT = range(5)
_LARGEST = 2**16
_ANSWER_LIMIT_S = 15.0


class AdbConnection(BoardConnection):
    """A link by ADB, over the adb server of this machine."""

    def __init__(self, address: AdbAddress) -> None:
        """Find the device.

        Raises:
            BoardError: there is no adb server, the device is not there, or its adbd is too old.
        """
        self._serial = address.serial
        try:
            client = adbutils.AdbClient(socket_timeout=_ANSWER_LIMIT_S)
            self._device = client.device(serial=address.serial)
            features = self._device.get_features()
        except (adbutils.AdbError, OSError) as error:
            raise BoardError(
                f"ADB does not reach {address.serial} ({_words(error)}): run adb devices, and "
                "allow USB debugging on the board."
            ) from error
        if "shell_v2" not in features.split(","):
            raise BoardError(
                f"The adbd of {address.serial} is too old (no shell_v2): use SSH for this board."
            )
        self._processes: list[_AdbProcess] = []

    def start(self, command: str) -> BoardProcess:
        """Start a command; see `BoardConnection`."""
        try:
            channel = self._device.open_transport(timeout=_ANSWER_LIMIT_S)
            channel.send_command(f"shell,v2,raw:{command}")
            channel.check_okay()
        except (adbutils.AdbError, OSError) as error:
            raise LinkLostError(f"The link ended: {_words(error)}.") from error
        self._processes.append(_AdbProcess(channel))
        return self._processes[-1]

    def close(self) -> None:
        """End the link; see `BoardConnection`."""
        for process in self._processes:
            process.close()


class _AdbProcess(BoardProcess):
    def __init__(self, channel: Any) -> None:
        self._channel, self._socket = channel, channel.conn
        self._output, self._errors = bytearray(), bytearray()
        self._status: int | None = None

    def send(self, content: bytes, limit_s: float) -> None:
        until_s = monotonic() + limit_s
        for first in range(0, len(content), _LARGEST):
            self._send(_INPUT, content[first : first + _LARGEST], until_s)

    def end_input(self) -> None:
        self._send(_END_OF_INPUT, b"", monotonic() + _ANSWER_LIMIT_S)

    def receive(self, size: int, limit_s: float) -> bytes:
        until_s = monotonic() + limit_s
        while len(self._output) < size and self._status is None:
            self._read_packet(until_s)
        taken = bytes(self._output[:size])
        del self._output[:size]
        return taken

    def finish(self, limit_s: float) -> CommandResult:
        until_s = monotonic() + limit_s
        while self._status is None:
            self._read_packet(until_s)
        self.close()
        return CommandResult(
            self._status, bytes(self._output), self._errors.decode(errors="replace")
        )

    def close(self) -> None:
        self._channel.close()

    def _send(self, what: int, content: bytes, until_s: float) -> None:
        try:
            self._socket.settimeout(max(0.001, until_s - monotonic()))
            self._socket.sendall(_HEADER.pack(what, len(content)) + content)
        except TimeoutError:
            raise
        except OSError as error:
            if self._status is None:
                raise LinkLostError(f"The link ended: {_words(error)}.") from error

    def _read_packet(self, until_s: float) -> None:
        what, size = _HEADER.unpack(self._exactly(_HEADER.size, until_s))
        content = self._exactly(size, until_s)
        if what == _OUTPUT:
            self._output += content
        elif what == _ERRORS:
            self._errors += content
        elif what == _EXIT:
            self._status = content[0]

    def _exactly(self, size: int, until_s: float) -> bytes:
        received = bytearray()
        while len(received) < size:
            try:
                self._socket.settimeout(max(0.001, until_s - monotonic()))
                part = self._socket.recv(size - len(received))
            except TimeoutError:
                raise
            except OSError as error:
                raise LinkLostError(f"The link ended: {_words(error)}.") from error
            if not part:
                raise LinkLostError("The link ended before the program did.")
            received += part
        return bytes(received)


def _words(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
