"""A photo as a colored Open3D point cloud, in meters.

    python open3d_points.py model.tflite photo.jpg points.ply --fov 70
    python open3d_points.py model.tflite photo.jpg points.ply --fov 70 --show

Open3D divides the millimeters by `depth_scale`, leaves out pixels of 0, and takes the camera's own
intrinsics: x to the right, y down, z forward. `--fov` is the camera's horizontal field of view in
degrees; of a calibrated one, give `Intrinsics` its own four numbers. Needs the extra
`tfl-depth[open3d]`.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import open3d as o3d

from tfl_depth.intrinsics import Intrinsics
from tfl_depth.runtime import DepthError, DepthRunner


def main(model: str, photo: str, points: str, fov: float, show: bool) -> None:
    """Write the point cloud, and show it in a window where asked to."""
    with DepthRunner(model) as runner:
        (frame,) = runner.stream([photo])
    depth_mm = frame.depth_mm
    if depth_mm.dtype != np.uint16:
        raise DepthError("Expected a model of at most 65.535 m: Open3D's depth has 16 bits.")
    rgbd = o3d.geometry.RGBDImage.create_from_color_and_depth(
        o3d.geometry.Image(np.ascontiguousarray(frame.pixels[..., ::-1])),
        o3d.geometry.Image(depth_mm),
        depth_scale=1000.0,
        depth_trunc=np.inf,
        convert_rgb_to_intensity=False,
    )
    height, width = depth_mm.shape
    camera = Intrinsics.from_field_of_view(fov, depth_mm.shape)
    pinhole = o3d.camera.PinholeCameraIntrinsic(
        width, height, camera.fx, camera.fy, camera.cx, camera.cy
    )
    cloud = o3d.geometry.PointCloud.create_from_rgbd_image(rgbd, pinhole)
    if not o3d.io.write_point_cloud(points, cloud):
        raise DepthError(f"Open3D cannot write {points}.")
    print(f"{points}: {len(cloud.points)} points")
    if show:
        o3d.visualization.draw_geometries([cloud])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("photo")
    parser.add_argument("points")
    parser.add_argument("--fov", type=float, required=True)
    parser.add_argument("--show", action="store_true")
    try:
        main(**vars(parser.parse_args()))
    except DepthError as error:
        sys.exit(f"error: {error}")
