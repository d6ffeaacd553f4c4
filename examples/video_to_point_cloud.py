"""A video to colored point clouds, one PLY file for every 30th frame.

    python examples/video_to_point_cloud.py model.tflite drive.mp4 clouds --fov 70 --every 30

writes clouds/drive_000000.ply, clouds/drive_000030.ply and so on: meters from the camera, x to the
right, y down, z forward. Any viewer opens them (MeshLab, CloudCompare, Blender). `--fov` is the
camera's horizontal field of view in degrees; of a calibrated one, give `Intrinsics` its own four
numbers.
"""

from __future__ import annotations

import argparse
import sys
from itertools import islice
from pathlib import Path

from tfl_depth.intrinsics import Intrinsics
from tfl_depth.point_cloud import ply
from tfl_depth.runtime import DepthError, DepthRunner, Video


def main(model: str, video: str, folder: Path, fov: float, every: int) -> None:
    """Write the point clouds; the frames in between are read and not computed."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        DepthRunner(model) as runner,
        Video(video) as frames,
        runner.stream(islice(frames, 0, None, every)) as chosen,
    ):
        for frame in chosen:
            camera = Intrinsics.from_field_of_view(fov, frame.depth_mm.shape)
            path = folder / f"{Path(video).stem}_{every * frame.number:06d}.ply"
            path.write_bytes(ply(frame.depth_mm, frame.pixels, camera))
            print(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("video")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fov", type=float, required=True)
    parser.add_argument("--every", type=int, default=30)
    try:
        main(**vars(parser.parse_args()))
    except DepthError as error:
        sys.exit(f"error: {error}")
