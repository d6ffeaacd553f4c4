"""`tfl-depth view`: photo, depth, point cloud and comparison in the browser."""

from __future__ import annotations

import argparse
import errno
import logging
import socket
import warnings
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

from tfl_depth.errors import DepthError
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.colorize import COLORMAPS, gradient, no_depth_bgr
from tfl_depth.tools.lib import command_run, model_options, runner_options
from tfl_depth.tools.lib.camera_options import add_camera, camera, camera_settings, tell_correction
from tfl_depth.tools.lib.command_parser import CommandParser, make_parser

EXAMPLE = "tfl-depth view model.tflite photos/ video.mp4 camera:0 --fov 70"
HOST = "127.0.0.1"
# A browser opens six connections to a server.
THREADS = 8
# Seconds after which idle connections are closed, and between checks for them.
IDLE_S, IDLE_EVERY_S, CONNECTIONS = 15, 5, 500
# Depth and photo of one request stay in memory, not in a temporary file.
OUTPUT_BYTES = 256 * 2**20


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(argv)
    return command_run.run(lambda: _view(options))


def _parser() -> CommandParser:
    parser = make_parser(
        "tfl-depth view",
        "Show a model's depth in the browser: photo and depth with values in millimeters, the\n"
        "point cloud, FP32 compared with INT8, live videos and cameras. The page is served on\n"
        "127.0.0.1, to this machine only, until Ctrl-C. Photos can be dragged into it.",
        EXAMPLE,
    )
    model_options.add_model_and_inputs(parser, nargs="*")
    parser.add_argument(
        "--float",
        dest="reference",
        type=Path,
        metavar="OTHER",
        help="the same network in FP32, .tflite or .keras, to show the difference",
    )
    parser.add_argument(
        "--port", type=_port, default=0, metavar="N", help="port of the address (a free one)"
    )
    parser.add_argument("--open", action="store_true", help="open the browser")
    runner_options.add_delegate(parser)
    model_options.add_public_key(parser)
    add_camera(parser, "for the point cloud")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a port, 0 to 65535, got {text!r}")
    return int(text)


def _view(options: argparse.Namespace) -> None:
    from PIL import Image

    from tfl_depth.tools.viewer.app import App
    from tfl_depth.tools.viewer.page_data import Pictures, open_reference
    from tfl_depth.tools.viewer.sources import Sources

    # Pillow warns of damage, which decoding detects, and of sizes above the page's limit.
    warnings.filterwarnings("ignore", module="PIL")
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    sources = Sources(options.inputs)
    with (
        DepthRunner(
            options.model, **runner_options.runner_settings(options), **camera_settings(options)
        ) as runner,
        open_reference(options.reference, runner, options.public_key)
        if options.reference
        else nullcontext() as reference,
    ):
        tell_correction(runner)
        known = camera(options)
        pictures = Pictures(runner, reference, None if known is None else runner.intrinsics)
        with closing(App(runner, pictures, sources, _facts(options, runner), known)) as app:
            _serve(app, options.port, options.open)


def _facts(options: argparse.Namespace, runner: DepthRunner) -> dict[str, Any]:
    """Return the page's facts of the model, and the colors of depth."""
    contract, placement = runner.contract, runner.delegate_coverage
    return {
        "model": options.model.name,
        "reference": options.reference and options.reference.name,
        "precision": contract.precision,
        "head": contract.head,
        "size": [contract.height, contract.width],
        "range_mm": [round(1000 * contract.edges_m[0]), round(1000 * contract.edges_m[-1])],
        "delegate": placement.delegate,
        "taken": [placement.taken, placement.operators],
        "colormaps": {
            name: {
                "gradient": gradient(256, name)[:, ::-1].tolist(),
                "no_depth": no_depth_bgr(name)[::-1],
            }
            for name in COLORMAPS
        },
    }


def _serve(app: Callable[..., Any], port: int, open_browser: bool) -> None:
    from waitress import create_server
    from waitress.wasyncore import close_all

    from tfl_depth.tools.viewer.photos import MAX_BYTES

    # Do not log requests that wait for a thread.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    connections: dict[int, Any] = {}
    with _listening(port) as listening:
        server = create_server(
            app,
            map=connections,
            sockets=[listening],
            ident=None,
            threads=THREADS,
            channel_timeout=IDLE_S,
            cleanup_interval=IDLE_EVERY_S,
            connection_limit=CONNECTIONS,
            asyncore_use_poll=True,  # `select` does not support descriptors above 1023
            max_request_body_size=MAX_BYTES,
            outbuf_overflow=OUTPUT_BYTES,
        )
        try:
            address = f"http://{HOST}:{listening.getsockname()[1]}/"
            print(f"{address} is open until Ctrl-C.", flush=True)
            if open_browser:
                webbrowser.open(address)
            server.run()  # ends at Ctrl-C
        except KeyboardInterrupt:
            pass
        finally:
            close_all(connections)


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise DepthError(
            f"Port {port} is in use or not allowed. Choose another --port, or omit it."
        ) from error
