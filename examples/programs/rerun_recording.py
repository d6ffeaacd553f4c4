"""A video and its depth as a Rerun recording: the pictures and, from the camera, the points.

    python rerun_recording.py model.tflite drive.mp4 drive.rrd --fov 70
    rerun drive.rrd

Rerun divides depth by `meter` = 1000, as it is in millimeters; pixels of 0 have none. `--fov` is
the camera's horizontal field of view in degrees. Needs the extra `tfl-depth[rerun]`.
"""

from __future__ import annotations

import argparse
import sys

import rerun as rr

from tfl_depth.intrinsics import Intrinsics
from tfl_depth.runtime import DepthError, DepthRunner


def main(model: str, video: str, recording: str, fov: float) -> None:
    """Record every frame."""
    rr.init("tfl_depth")
    rr.save(recording)
    with DepthRunner(model) as runner, runner.stream(video) as frames:
        for frame in frames:
            height, width = frame.depth_mm.shape
            camera = Intrinsics.from_field_of_view(fov, (height, width))
            rr.set_time("frame", sequence=frame.number)
            if frame.time_s is not None:
                rr.set_time("video", duration=frame.time_s)
            rr.log(
                "camera",
                rr.Pinhole(
                    resolution=[width, height],
                    focal_length=[camera.fx, camera.fy],
                    principal_point=[camera.cx, camera.cy],
                    camera_xyz=rr.ViewCoordinates.RDF,  # x to the right, y down, z forward
                ),
            )
            rr.log("camera/photo", rr.Image(frame.pixels, color_model="BGR"))
            rr.log("camera/depth", rr.DepthImage(frame.depth_mm, meter=1000.0))
    rr.disconnect()  # what is recorded is written then
    print(f"{recording}: {frames.delivered} frames")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("video")
    parser.add_argument("recording")
    parser.add_argument("--fov", type=float, required=True)
    try:
        main(**vars(parser.parse_args()))
    except DepthError as error:
        sys.exit(f"error: {error}")
