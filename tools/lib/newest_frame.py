"""`tfl-depth infer --serve`: the newest frame for other programs on this machine.

PORT        http://127.0.0.1:PORT/: a page with live colors (MJPEG), and depth.png, 16 bits
unix:PATH   a local socket: each connection gets 16-bit frames, one behind the other
"""

from __future__ import annotations

import os
import socketserver
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import cv2

from tfl_depth.encoding import DepthMm
from tfl_depth.errors import DepthError
from tfl_depth.runtime.clip_colors import ClipColors
from tfl_depth.runtime.closeable import Closeable
from tfl_depth.tools.lib.frame_pipe import FrameBytes, FrameFormat

HOST = "127.0.0.1"
# A page whose name resolves to this machine (DNS rebinding) still sends its own name.
HOST_NAMES = {HOST, "localhost"}
# Time that a client waits for a frame before it checks whether the command ends.
WAIT_S = 0.5
BOUNDARY = "tfl-depth-frame"
PAGE = b"""<!doctype html><meta charset="utf-8"><title>tfl-depth</title>
<img src="depth.mjpg" alt="depth in colors" style="max-width:100%">
<p><a href="depth.png">The newest frame: 16 bits, millimeters, 0 = no depth</a></p>
"""


class NewestFrame:
    """Keeps the newest frame, and counts the frames that clients get and miss.

    Attributes:
        sent: number of frames that were sent, for all clients together.
        dropped: number of frames that slow clients missed, for all clients together.
    """

    def __init__(self) -> None:
        self.sent = self.dropped = 0
        self._change = threading.Condition()
        self._number, self._ended = 0, False
        self._depth_mm: DepthMm | None = None

    def put(self, depth_mm: DepthMm | None) -> None:
        """Replace the frame; None ends the frames."""
        with self._change:
            if depth_mm is None:
                self._ended = True
            else:
                self._number, self._depth_mm = self._number + 1, depth_mm
            self._change.notify_all()

    def after(self, number: int) -> tuple[int, DepthMm] | None:
        """Wait for a frame with a higher number; None after the last frame.

        Args:
            number: of the client's last frame; 0 before its first.
        """
        with self._change:
            while not self._ended and self._number == number:
                self._change.wait(WAIT_S)
            if self._depth_mm is None or self._number == number:
                return None
            self.sent += 1
            self.dropped += self._number - number - 1 if number else 0
            return self._number, self._depth_mm


class FrameServer(Closeable):
    """Serves frames until it is closed. A slow client gets fewer frames and delays nobody.

    Attributes:
        address: the address for clients.
    """

    def __init__(self, address: str, kind: FrameFormat, colors: ClipColors) -> None:
        """Start to serve.

        Args:
            address: a port of 127.0.0.1, 0 for a free one, or unix:PATH.
            kind: of the frames of a local socket, as in `FrameBytes`.
            colors: returns a picture of depth, for the page.

        Raises:
            DepthError: the port is in use, or the path exists.
        """
        self._frames = NewestFrame()
        self._path = Path(address.removeprefix("unix:")) if address.startswith("unix:") else None
        try:
            self._server, self.address = (
                _http_server(int(address), self._frames, colors)
                if self._path is None
                else (_socket_server(self._path, self._frames, kind), address)
            )
        except OSError as error:
            raise DepthError(f"Cannot serve frames at {address}: {error.strerror}.") from error
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        print(f"{self.address} has the newest frame, until Ctrl-C.", file=sys.stderr, flush=True)

    def write(self, depth_mm: DepthMm) -> None:
        """Replace the newest frame."""
        self._frames.put(depth_mm)

    def _close(self) -> None:
        self._frames.put(None)
        self._server.shutdown()
        self._server.server_close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        sent, dropped = self._frames.sent, self._frames.dropped
        print(f"{sent} frames sent to clients, {dropped} dropped for slow ones", file=sys.stderr)


class _Clients(socketserver.ThreadingMixIn):
    """Serves each client in a thread, which ends with the command."""

    daemon_threads = True
    block_on_close = False  # for a client that takes nothing

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print why a connection ended, unless the client closed it."""
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):
            print(f"error: a client got no more frames: {error}", file=sys.stderr)


class _SocketServer(_Clients, socketserver.UnixStreamServer):
    pass


class _HttpServer(_Clients, HTTPServer):
    pass


def _socket_server(path: Path, frames: NewestFrame, kind: FrameFormat) -> socketserver.BaseServer:
    class Client(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            _send(frames, FrameBytes(kind), self.request.sendall)

    before = os.umask(0o177)  # this user's alone
    try:
        return _SocketServer(str(path), Client)
    finally:
        os.umask(before)


def _http_server(
    port: int, frames: NewestFrame, colors: ClipColors
) -> tuple[socketserver.BaseServer, str]:
    def part(depth_mm: DepthMm) -> bytes:
        content = cv2.imencode(".jpg", colors(depth_mm))[1].tobytes()
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}\r\n\r\n"
        return head.encode() + content + b"\r\n"

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Host", "").partition(":")[0] not in HOST_NAMES:
                self.send_error(403)
            elif self.path == "/":
                self._answer("text/html", PAGE)
            elif self.path == "/depth.png" and (found := frames.after(0)) is not None:
                self._answer("image/png", bytes(FrameBytes("png")(found[1])))
            elif self.path == "/depth.mjpg":
                self._begin(f"multipart/x-mixed-replace; boundary={BOUNDARY}")
                _send(frames, part, self.wfile.write)
            else:
                self.send_error(404)

        def _begin(self, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()

        def _answer(self, kind: str, content: bytes) -> None:
            self._begin(kind)
            self.wfile.write(content)

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    server = _HttpServer((HOST, port), Page)
    return server, f"http://{HOST}:{server.server_port}/"


def _send(
    frames: NewestFrame, encode: Callable[[DepthMm], Any], send: Callable[[Any], Any]
) -> None:
    """Send frames as fast as the client takes them, until it leaves."""
    number = 0
    with suppress(ConnectionError):
        while (found := frames.after(number)) is not None:
            number, depth_mm = found
            send(encode(depth_mm))
