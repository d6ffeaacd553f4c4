"""Depth between two GStreamer pipelines: frames by appsink, millimeters by appsrc (GRAY16_LE).

    python gstreamer_depth.py model.tflite 'v4l2src' 'filesink location=depth.raw' --drop
    python gstreamer_depth.py model.tflite 'filesrc location=drive.mp4 ! decodebin' \
        'pngenc ! multifilesink location=depth_%05d.png'

The first pipeline ends in raw video of any format, the second begins with video of 16 bits a pixel:
millimeters, 0 = no depth. Each depth has its frame's time stamp. Without --drop every frame is
computed and the source waits; with --drop the newest frame is, as for a camera. Needs GStreamer's
Python bindings: apt install python3-gi gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-base.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gi
import numpy as np
import numpy.typing as npt

from tfl_depth.encoding import DepthMm
from tfl_depth.runtime import DepthError, DepthRunner

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402 - only now is its version known

# Rows of raw video begin at multiples of so many bytes.
ALIGNMENT = 4
# A pipeline that fails gives no frame: how long one is waited for before errors are looked at.
PATIENCE_NS = 100_000_000
SINK = (
    "videoconvert ! video/x-raw,format=BGR ! "
    "appsink name=frames sync=false max-buffers={waiting} drop={drop}"
)
SOURCE = "appsrc name=depth format=time block=true max-buffers=2"


@contextmanager
def playing(description: str) -> Iterator[Any]:
    """A running pipeline, which is stopped afterwards.

    Raises:
        DepthError: GStreamer cannot make it.
    """
    try:
        pipeline = Gst.parse_launch(description)
    except gi.repository.GLib.Error as error:
        raise DepthError(f"GStreamer cannot make `{description}`: {error.message}.") from error
    try:
        if pipeline.set_state(Gst.State.PLAYING) == Gst.StateChangeReturn.FAILURE:
            expect_no_error(pipeline)
            raise DepthError(f"GStreamer cannot start `{description}`.")
        yield pipeline
    finally:
        pipeline.set_state(Gst.State.NULL)


def expect_no_error(pipeline: Any, *, until_end: bool = False) -> None:
    """Raise what went wrong in a pipeline, which may be waited for until its end."""
    kinds = Gst.MessageType.ERROR
    if until_end:
        kinds |= Gst.MessageType.EOS
    timeout = Gst.CLOCK_TIME_NONE if until_end else 0
    message = pipeline.get_bus().timed_pop_filtered(timeout, kinds)
    if message is not None and message.type == Gst.MessageType.ERROR:
        error, _details = message.parse_error()
        raise DepthError(f"GStreamer, {message.src.get_name()}: {error.message}")


def frames(pipeline: Any) -> Iterator[tuple[npt.NDArray[np.uint8], Any]]:
    """Each frame, BGR (H, W, 3), and its buffer, until the end of the stream."""
    sink = pipeline.get_by_name("frames")
    while not sink.get_property("eos"):
        expect_no_error(pipeline)
        sample = sink.emit("try-pull-sample", PATIENCE_NS)
        if sample is None:
            continue
        structure = sample.get_caps().get_structure(0)
        height, width = structure.get_value("height"), structure.get_value("width")
        buffer = sample.get_buffer()
        data = buffer.extract_dup(0, buffer.get_size())
        rows = np.frombuffer(data, np.uint8).reshape(height, -1)
        yield rows[:, : 3 * width].reshape(height, width, 3), buffer


def push(pipeline: Any, depth_mm: DepthMm, frame: Any) -> None:
    """Give (H, W) uint16 millimeters to a pipeline, with the time of a frame's buffer.

    Raises:
        DepthError: the pipeline has failed.
    """
    source = pipeline.get_by_name("depth")
    height, width = depth_mm.shape
    caps = f"video/x-raw,format=GRAY16_LE,width={width},height={height},framerate=0/1"
    source.set_property("caps", Gst.Caps.from_string(caps))
    padding = -2 * width % ALIGNMENT // 2
    rows = np.pad(depth_mm.astype("<u2", copy=False), ((0, 0), (0, padding)))
    buffer = Gst.Buffer.new_wrapped(rows.tobytes())
    buffer.pts, buffer.duration = frame.pts, frame.duration
    if source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
        expect_no_error(pipeline)
        raise DepthError("GStreamer's second pipeline takes no more depth.")


def main(model: str, source: str, sink: str, drop: bool) -> None:
    """Compute the depth of every frame, or of the newest ones."""
    Gst.init(None)
    wanted = SINK.format(waiting=1 if drop else 2, drop=str(drop).lower())
    with (
        DepthRunner(model) as runner,
        playing(f"{source} ! {wanted}") as before,
        playing(f"{SOURCE} ! {sink}") as behind,
    ):
        if runner.depth_dtype != np.uint16:
            raise DepthError("Expected a model of at most 65.535 m: GRAY16_LE holds no more.")
        count = 0
        for bgr, buffer in frames(before):
            push(behind, runner.infer(bgr), buffer)
            expect_no_error(behind)
            count += 1
        behind.get_by_name("depth").emit("end-of-stream")
        expect_no_error(behind, until_end=True)
    print(f"{count} frames")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("source")
    parser.add_argument("sink")
    parser.add_argument("--drop", action="store_true", help="leave out frames that come too fast")
    try:
        main(**vars(parser.parse_args()))
    except DepthError as error:
        sys.exit(f"error: {error}")
