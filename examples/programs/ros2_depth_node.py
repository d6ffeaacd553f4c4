"""A ROS 2 node: images in, depth in millimeters out, as REP 118 says.

    python ros2_depth_node.py model.tflite --ros-args -r image:=/camera/image_rect_color \
        -r camera_info:=/camera/camera_info -p points:=true

subscribes to `image` (rectified; rgb8, bgr8 or mono8) and `camera_info`. For each image it
publishes

    depth/image_rect    sensor_msgs/Image, 16UC1: millimeters along the optical axis, 0 = no depth
    depth/camera_info   sensor_msgs/CameraInfo: the camera's own, since depth has its pixels
    depth/points        sensor_msgs/PointCloud2, with the parameter `points`: meters, x to the
                        right, y down, z forward (REP 103's optical frame); NaN = no depth

with the image's own stamp and frame. An image that comes while the network is busy takes the place
of the one that waits. The functions in front of the node need no ROS: a message is any object with
the definition's fields.
"""

from __future__ import annotations

import argparse
import array
import sys
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from tfl_depth.encoding import DepthMm
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.runtime import DepthError, DepthRunner

CHANNELS = {"bgr8": 3, "rgb8": 3, "mono8": 1}
# sensor_msgs/PointField's constant.
FLOAT32 = 7
Message = TypeVar("Message")


def pixels(image: Any) -> npt.NDArray[np.uint8]:
    """A sensor_msgs/Image as (H, W, 3) or (H, W), in the order of its encoding."""
    channels = CHANNELS.get(image.encoding)
    if channels is None:
        raise DepthError(f"Expected an image of {', '.join(CHANNELS)}, got {image.encoding}.")
    rows = np.frombuffer(image.data, np.uint8).reshape(image.height, image.step)
    used = rows[:, : channels * image.width]
    return used if channels == 1 else used.reshape(image.height, image.width, channels)


def depth_image(depth_mm: DepthMm, header: Any, message: Message) -> Message:
    """Fill a sensor_msgs/Image with (H, W) uint16 millimeters."""
    return _filled(message, header, depth_mm, encoding="16UC1", step=2 * depth_mm.shape[1])


def point_cloud(
    depth_mm: DepthMm, header: Any, camera_info: Any, message: Message, new_field: type[Any]
) -> Message:
    """Fill a sensor_msgs/PointCloud2 with a point for each pixel, NaN where there is no depth.

    Args:
        depth_mm: (H, W) millimeters.
        header: of the image.
        camera_info: the sensor_msgs/CameraInfo of images of this size.
        message: the one to fill.
        new_field: the class sensor_msgs/PointField.
    """
    camera = intrinsics(camera_info, depth_mm.shape)
    z_m = np.where(depth_mm == 0, np.nan, depth_mm / np.float32(1000))
    height, width = depth_mm.shape
    v, u = np.ogrid[:height, :width]
    x_m, y_m = (u - camera.cx) / camera.fx * z_m, (v - camera.cy) / camera.fy * z_m
    points = np.stack([x_m, y_m, z_m], axis=-1).astype(np.float32)
    fields = [_field(new_field(), name, 4 * place) for place, name in enumerate("xyz")]
    step = {"point_step": 12, "row_step": 12 * depth_mm.shape[1]}
    return _filled(message, header, points, fields=fields, **step, is_dense=False)


def intrinsics(camera_info: Any, size: tuple[int, ...]) -> Intrinsics:
    """The pinhole camera of a rectified image: the matrix P of a sensor_msgs/CameraInfo."""
    if (camera_info.height, camera_info.width) != size or camera_info.p[0] <= 0:
        raise DepthError(
            f"Expected camera_info of a calibrated camera of {size[1]}x{size[0]} pixels, got "
            f"{camera_info.width}x{camera_info.height} with the focal length {camera_info.p[0]:g}."
        )
    return Intrinsics(*(float(camera_info.p[place]) for place in (0, 5, 2, 6)))


def _field(field: Message, name: str, offset: int) -> Message:
    return _with(field, name=name, offset=offset, datatype=FLOAT32, count=1)


def _filled(message: Message, header: Any, values: npt.NDArray[Any], **others: Any) -> Message:
    """Fill what an Image and a PointCloud2 have in common."""
    height, width = values.shape[:2]
    size = {"height": height, "width": width, "is_bigendian": sys.byteorder == "big"}
    # rclpy checks the bytes of any other sequence one by one.
    data = array.array("B", values.tobytes())
    return _with(message, header=header, **size, data=data, **others)


def _with(message: Message, **fields: Any) -> Message:
    for name, value in fields.items():
        setattr(message, name, value)
    return message


def main(model: str, ros_arguments: list[str]) -> None:
    """Run the node until ROS ends it."""
    import rclpy
    from rclpy.executors import ExternalShutdownException
    from rclpy.node import Node
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField

    class DepthNode(Node):  # type: ignore[misc]
        def __init__(self, runner: DepthRunner) -> None:
            super().__init__("tfl_depth")
            self.runner = runner
            self.info: Any = None
            self.points = self.declare_parameter("points", False).value
            self.depth = self.create_publisher(Image, "depth/image_rect", 1)
            self.depth_info = self.create_publisher(CameraInfo, "depth/camera_info", 1)
            self.cloud = self.create_publisher(PointCloud2, "depth/points", 1)
            # The newest message waits, and no other; cameras often publish with best effort.
            newest = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
            self.create_subscription(CameraInfo, "camera_info", self.take_info, newest)
            self.create_subscription(Image, "image", self.take_image, newest)

        def take_info(self, info: Any) -> None:
            self.info = info

        def take_image(self, image: Any) -> None:
            try:
                self.publish(image)
            except DepthError as error:
                self.get_logger().error(str(error))

        def publish(self, image: Any) -> None:
            order: Literal["rgb", "bgr"] = "rgb" if image.encoding == "rgb8" else "bgr"
            depth_mm = self.runner.infer(pixels(image), channels=order)
            self.depth.publish(depth_image(depth_mm, image.header, Image()))
            if self.info is not None:
                self.publish_camera(image.header, depth_mm)

        def publish_camera(self, header: Any, depth_mm: DepthMm) -> None:
            intrinsics(self.info, depth_mm.shape)  # of another image size it is an error
            self.info.header = header
            self.depth_info.publish(self.info)
            if self.points:
                cloud = point_cloud(depth_mm, header, self.info, PointCloud2(), PointField)
                self.cloud.publish(cloud)

    with DepthRunner(model) as runner:
        if runner.depth_dtype != np.uint16:
            raise DepthError("Expected a model of at most 65.535 m: 16UC1 holds no more.")
        rclpy.init(args=ros_arguments)
        node = DepthNode(runner)
        try:
            rclpy.spin(node)
        except (KeyboardInterrupt, ExternalShutdownException):
            pass
        finally:
            node.destroy_node()
            rclpy.try_shutdown()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    options, ros_arguments = parser.parse_known_args()
    try:
        main(options.model, ros_arguments)
    except DepthError as error:
        sys.exit(f"error: {error}")
