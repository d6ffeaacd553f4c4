"""Stands for an adb server with one device: the protocol alone, for commands of this machine.

As platform/packages/modules/adb describes it: SERVICES.TXT and shell_protocol.h.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

SERIAL = "0123456789ABCDEF"
_HEADER = struct.Struct("<BI")
_INPUT, _OUTPUT, _ERRORS, _EXIT, _END_OF_INPUT = range(5)


@dataclass
class AdbStandIn:
    """The server, while it runs.

    Attributes:
        port: on 127.0.0.1.
        features: of its device.
        unplug: a text; the device is gone when a command that has it starts. None for no such
            fault.
    """

    port: int
    features: str = "shell_v2,cmd,stat_v2"
    unplug: str | None = None


@contextmanager
def adb_stand_in() -> Iterator[AdbStandIn]:
    """Serve until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = AdbStandIn(listening.getsockname()[1])
        thread = threading.Thread(target=_accept, args=(server, listening))
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def _accept(server: AdbStandIn, listening: socket.socket) -> None:
    with suppress(OSError):
        while True:
            client, _ = listening.accept()
            threading.Thread(target=_serve, args=(server, client), daemon=True).start()


def _serve(server: AdbStandIn, client: socket.socket) -> None:
    with client, suppress(OSError, EOFError):
        while _answer(server, client, _request(client)):
            pass


def _request(client: socket.socket) -> str:
    return _exactly(client, int(_exactly(client, 4), 16)).decode()


def _answer(server: AdbStandIn, client: socket.socket, request: str) -> bool:
    """Answer one request; whether the connection goes on."""
    if request == "host:version":
        client.sendall(b"OKAY00040029")
    elif request == f"host-serial:{SERIAL}:features":
        client.sendall(b"OKAY%04x%s" % (len(server.features), server.features.encode()))
    elif request == f"host:tport:serial:{SERIAL}":
        client.sendall(b"OKAY" + bytes(8))
        return True
    elif request.startswith("shell,v2,raw:"):
        client.sendall(b"OKAY")
        _shell(server, client, request.removeprefix("shell,v2,raw:"))
    else:
        reason = f"device for {request} not found".encode()
        client.sendall(b"FAIL%04x%s" % (len(reason), reason))
    return False


def _shell(server: AdbStandIn, client: socket.socket, command: str) -> None:
    if server.unplug is not None and server.unplug in command:
        return
    pipe = subprocess.PIPE
    child = subprocess.Popen(["/bin/sh", "-c", command], stdin=pipe, stdout=pipe, stderr=pipe)
    assert child.stdin and child.stdout and child.stderr
    lock = threading.Lock()
    telling = [
        threading.Thread(target=_tell, args=(client, lock, what, stream))
        for what, stream in ((_OUTPUT, child.stdout), (_ERRORS, child.stderr))
    ]
    feeding = threading.Thread(target=_feed, args=(client, child.stdin), daemon=True)
    for thread in (*telling, feeding):
        thread.start()
    for thread in telling:
        thread.join()
    client.sendall(_HEADER.pack(_EXIT, 1) + bytes([child.wait() & 255]))
    # What is closed with unread input resets the connection, and the other side loses the rest.
    client.shutdown(socket.SHUT_WR)
    feeding.join(5)


def _tell(client: socket.socket, lock: threading.Lock, what: int, stream: object) -> None:
    with stream, suppress(OSError):  # type: ignore[attr-defined]
        while content := stream.read1(65536):  # type: ignore[attr-defined]
            with lock:
                client.sendall(_HEADER.pack(what, len(content)) + content)


def _feed(client: socket.socket, stdin: object) -> None:
    with suppress(OSError, EOFError, ValueError):
        while True:
            what, size = _HEADER.unpack(_exactly(client, _HEADER.size))
            content = _exactly(client, size)
            if what == _INPUT:
                stdin.write(content)  # type: ignore[attr-defined]
                stdin.flush()  # type: ignore[attr-defined]
            elif what == _END_OF_INPUT:
                stdin.close()  # type: ignore[attr-defined]
    with suppress(OSError):
        stdin.close()  # type: ignore[attr-defined]


def _exactly(client: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = client.recv(size - len(received))
        if not part:
            raise EOFError
        received += part
    return received
