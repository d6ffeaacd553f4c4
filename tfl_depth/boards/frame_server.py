"""A program on a board that computes the depth of the frames on its standard input.

Frames are RGB in the size of the photo. The board resizes, decodes and enlarges them with the same
code as every machine.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from typing import IO, Any

import numpy as np

from tfl_depth.boards.camera_message import json_camera
from tfl_depth.boards.frame_messages import (
    DEPTH,
    FAILURE,
    FRAME,
    HEADER,
    READY,
    SUMMARY,
    array_bytes,
    bytes_array,
    message,
)
from tfl_depth.boards.sensors import read_sensors
from tfl_depth.errors import DepthError
from tfl_depth.runtime import DepthRunner

# Percentiles of the times, in the summary.
PERCENTILES = (50, 95, 99)


def main(arguments: list[str]) -> int:
    """Serve frames until standard input ends.

    Args:
        arguments: the model's path, and arguments of `DepthRunner` as JSON, with the camera of
            `camera_json`.
    """
    model, settings = arguments
    warnings.formatwarning = lambda message, *_: f"warning: {message}\n"
    with _own_output() as output:
        try:
            _serve(model, json.loads(settings), output)
        except DepthError as error:
            _write(output, FAILURE, {"error": str(error)})
            return 1
    return 0


def _own_output() -> IO[bytes]:
    """Reserve standard output for messages. A driver's library prints to standard error."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return output


def _serve(model: str, settings: dict[str, Any], output: IO[bytes]) -> None:
    before = asdict(read_sensors())
    invoke_ms: list[float] = []
    camera = json_camera(settings.pop("camera", None))
    with DepthRunner(model, camera=camera, **settings) as runner:
        placement = asdict(runner.delegate_coverage)
        _write(output, READY, {"placement": placement, "correction_note": runner.correction_note})
        for content in _frames(sys.stdin.buffer):
            rgb = np.asarray(bytes_array(content), np.uint8)
            measured = runner.measure(rgb, channels="rgb")
            invoke_ms.append(1000 * measured.invoke_s)
            output.write(message(DEPTH, array_bytes(measured.depth_mm)))
            output.flush()
        # After a fault the model may run on the CPU.
        placement = asdict(runner.delegate_coverage)
    after = asdict(read_sensors())
    summary = {"placement": placement, "time_ms": _spread(invoke_ms)}
    _write(output, SUMMARY, {**summary, "conditions": {"before": before, "after": after}})


def _frames(source: IO[bytes]) -> Iterator[bytes]:
    while header := source.read(HEADER.size):
        kind, size = HEADER.unpack(header)
        if kind != FRAME:
            raise DepthError(f"Expected a frame, got a message of kind {kind!r}.")
        yield source.read(size)


def _write(output: IO[bytes], kind: bytes, content: dict[str, Any]) -> None:
    output.write(message(kind, json.dumps(content).encode()))
    output.flush()


def _spread(times_ms: list[float]) -> dict[str, float]:
    """Percentiles of the network's times; empty without frames."""
    if not times_ms:
        return {}
    return {f"p{each}": float(np.percentile(times_ms, each)) for each in PERCENTILES}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
