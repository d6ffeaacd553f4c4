"""The ROS 2 node of examples/programs: its messages, and the node with a stand-in for rclpy."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import fields as dataclass_fields
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support import ramp
from tests.support.ros_messages import DEFINITIONS, MESSAGES, RosMessage
from tfl_depth.runtime import DepthError, DepthRunner

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "examples" / "programs" / "ros2_depth_node.py"
DEPTH_MM = np.array([[1000, 0, 65535], [1, 2500, 3000]], np.uint16)


@pytest.fixture(scope="module")
def node() -> ModuleType:
    """The example, imported from its file."""
    spec = importlib.util.spec_from_file_location("ros2_depth_node", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def header() -> RosMessage:
    stamp = MESSAGES["Time"](sec=1_700_000_000, nanosec=999_999_999)
    return MESSAGES["Header"](stamp=stamp, frame_id="camera_optical")


def camera_info(height: int, width: int, focal: float = 500.0) -> RosMessage:
    p = [focal, 0.0, 1.5, 0.0, 0.0, 2 * focal, 0.5, 0.0, 0.0, 0.0, 1.0, 0.0]
    return MESSAGES["CameraInfo"](height=height, width=width, p=p)


def color_image(pixels: npt.NDArray[np.uint8], encoding: str, padding: int) -> RosMessage:
    """An image message whose rows end with bytes that are no pixels."""
    rows = np.pad(pixels.reshape(len(pixels), -1), ((0, 0), (0, padding)), constant_values=255)
    height, width = pixels.shape[:2]
    return MESSAGES["Image"](
        header=header(), height=height, width=width, encoding=encoding,
        step=rows.shape[1], data=rows.tobytes(),
    )  # fmt: skip


@pytest.mark.parametrize(("encoding", "channels"), [("bgr8", 3), ("rgb8", 3), ("mono8", 1)])
def test_pixels_are_read_without_the_rows_padding(
    encoding: str, channels: int, node: ModuleType
) -> None:
    shape = (4, 5, 3)[: 2 if channels == 1 else 3]
    values = np.arange(np.prod(shape)).astype(np.uint8).reshape(shape)
    np.testing.assert_array_equal(node.pixels(color_image(values, encoding, 7)), values)


def test_an_unknown_encoding_is_refused(node: ModuleType) -> None:
    image = color_image(np.zeros((4, 5, 3), np.uint8), "yuv422", 0)
    with pytest.raises(DepthError, match="bgr8, rgb8, mono8, got yuv422"):
        node.pixels(image)


def test_depth_image_is_16uc1_with_the_images_stamp(node: ModuleType) -> None:
    message = node.depth_image(DEPTH_MM, header(), MESSAGES["Image"]())
    assert (message.height, message.width, message.encoding) == (2, 3, "16UC1")
    assert vars(message.header.stamp) == {"sec": 1_700_000_000, "nanosec": 999_999_999}
    assert message.header.frame_id == "camera_optical"
    order = ">u2" if message.is_bigendian else "<u2"
    read = np.frombuffer(bytes(message.data), order).reshape(-1, message.step // 2)
    np.testing.assert_array_equal(read, DEPTH_MM)


def test_points_are_where_the_camera_sees_them(node: ModuleType) -> None:
    given = (DEPTH_MM, header(), camera_info(2, 3))
    cloud = node.point_cloud(*given, MESSAGES["PointCloud2"](), MESSAGES["PointField"])
    offsets = {field.name: field.offset for field in cloud.fields}
    assert offsets == {"x": 0, "y": 4, "z": 8}
    assert {(field.datatype, field.count) for field in cloud.fields} == {(7, 1)}  # FLOAT32
    assert (cloud.point_step, cloud.row_step, cloud.is_dense) == (12, 36, False)
    points = np.frombuffer(bytes(cloud.data), np.float32).reshape(2, 3, 3)
    assert np.isnan(points[0, 1]).all()
    # u = 0, v = 1: ((0 - 1.5) / 500, (1 - 0.5) / 1000, 1) x 0.001 m
    np.testing.assert_allclose(points[1, 0], (-0.003e-3, 0.0005e-3, 0.001), rtol=1e-6)
    np.testing.assert_allclose(points[0, 2], (0.5 / 500 * 65.535, -0.0005 * 65.535, 65.535))


@pytest.mark.parametrize("info", [camera_info(3, 2), camera_info(2, 3, 0.0)])
def test_another_camera_info_is_refused(info: RosMessage, node: ModuleType) -> None:
    with pytest.raises(DepthError, match="Expected camera_info of a calibrated camera of 3x2"):
        node.intrinsics(info, DEPTH_MM.shape)


class RosStandIn:
    """What the node calls of rclpy: a node whose `spin` delivers messages to its subscriptions."""

    def __init__(self, parameters: dict[str, Any], messages: list[tuple[str, RosMessage]]) -> None:
        self.parameters, self.messages = parameters, messages
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.errors: list[str] = []

    def modules(self) -> dict[str, ModuleType]:
        stand_in = self

        class Node:
            def __init__(self, _name: str) -> None:
                self.callbacks: dict[str, Callable[[Any], None]] = {}

            def declare_parameter(self, name: str, default: Any) -> Any:
                return _namespace(value=stand_in.parameters.get(name, default))

            def create_publisher(self, kind: type, topic: str, _qos: Any) -> Any:
                def publish(message: Any) -> None:
                    assert isinstance(message, kind)
                    stand_in.published.append((topic, vars(message).copy()))

                return _namespace(publish=publish)

            def create_subscription(
                self, _kind: type, topic: str, callback: Callable[[Any], None], _qos: Any
            ) -> None:
                self.callbacks[topic] = callback

            def get_logger(self) -> Any:
                return _namespace(error=stand_in.errors.append)

            def destroy_node(self) -> None:
                stand_in.errors.append("destroyed")

        def spin(node: Node) -> None:
            for topic, message in stand_in.messages:
                node.callbacks[topic](message)
            raise KeyboardInterrupt

        return {
            "rclpy": _namespace(init=lambda args: None, spin=spin, try_shutdown=lambda: None),
            "rclpy.executors": _namespace(ExternalShutdownException=OSError),
            "rclpy.node": _namespace(Node=Node),
            "rclpy.qos": _namespace(
                QoSProfile=lambda **_settings: None,
                ReliabilityPolicy=_namespace(BEST_EFFORT=2),
            ),
            "sensor_msgs": _namespace(),
            "sensor_msgs.msg": _namespace(**MESSAGES),
        }


def _namespace(**values: Any) -> ModuleType:
    module = ModuleType("stand_in")
    vars(module).update(values)
    return module


def run_node(
    node: ModuleType,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    parameters: dict[str, Any],
    messages: list[tuple[str, RosMessage]],
) -> RosStandIn:
    ros = RosStandIn(parameters, messages)
    for name, module in ros.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    node.main(str(model), [])
    return ros


def test_the_node_publishes_what_infer_gives(
    node: ModuleType, net: Path, photo: npt.NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    rgb = np.ascontiguousarray(photo[..., ::-1])
    height, width = photo.shape[:2]
    messages = [
        ("image", color_image(photo, "bgr8", 0)),
        ("camera_info", camera_info(height, width)),
        ("image", color_image(rgb, "rgb8", 2)),
        ("image", color_image(photo[:50], "bgr8", 0)),
        ("image", color_image(photo, "bayer_rggb8", 0)),
    ]
    ros = run_node(node, net, monkeypatch, {"points": True}, messages)
    topics = [topic for topic, _ in ros.published]
    with_camera = ["depth/image_rect", "depth/camera_info", "depth/points"]
    assert topics == ["depth/image_rect", *with_camera, "depth/image_rect"]
    with DepthRunner(net) as runner:
        expected = runner.infer(photo)
    for place in (0, 1):
        depth = ros.published[place][1]
        np.testing.assert_array_equal(
            np.frombuffer(depth["data"], np.uint16).reshape(height, width), expected
        )
    assert vars(ros.published[2][1]["header"]) == vars(messages[2][1].header)  # type: ignore[attr-defined]
    assert len(ros.errors) == 3 and ros.errors[-1] == "destroyed"
    assert "of 210x50 pixels" in ros.errors[0] and "bayer_rggb8" in ros.errors[1]


def test_a_model_past_16_bits_is_refused(
    node: ModuleType, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DepthError, match=r"at most 65\.535 m"):
        run_node(node, models / ramp.file_name("80m-growing"), monkeypatch, {}, [])


def test_the_definitions_are_those_of_rosbags(node: ModuleType) -> None:
    """`make programs-test` has rosbags, which carries ROS' own definitions."""
    stores = pytest.importorskip("rosbags.typesys", reason="make programs-test has rosbags")
    for distribution in (stores.Stores.ROS2_HUMBLE, stores.Stores.ROS2_JAZZY):
        store = stores.get_typestore(distribution)
        classes = {name.rpartition("/")[2]: kind for name, kind in store.types.items()}
        for name, definition in DEFINITIONS.items():
            fields = [field.split(" ")[1] for field in definition.split(", ")]
            # Constants and the message's own name are fields as well.
            named = [f.name for f in dataclass_fields(classes[name]) if f.name.islower()]
            assert [each for each in named if each != "__msgtype__"] == fields, name
        info = camera_info(2, 3)
        cloud = node.point_cloud(
            DEPTH_MM, header(), info, MESSAGES["PointCloud2"](), MESSAGES["PointField"]
        )
        image = node.depth_image(DEPTH_MM, header(), MESSAGES["Image"]())
        for message in (image, cloud):
            kind = f"sensor_msgs/msg/{type(message).__name__}"
            made = as_rosbags(message, classes)
            read = store.deserialize_cdr(store.serialize_cdr(made, kind), kind)
            assert read.header.stamp.nanosec == 999_999_999
            assert bytes(read.data) == bytes(message.data)


def as_rosbags(message: Any, classes: dict[str, Any]) -> Any:
    """The same message by rosbags' own classes, which take arrays for numbers."""
    values = {name: as_rosbags_value(getattr(message, name), classes) for name in message.FIELDS}
    return classes[type(message).__name__](**values)


def as_rosbags_value(value: Any, classes: dict[str, Any]) -> Any:
    if isinstance(value, RosMessage):
        return as_rosbags(value, classes)
    if isinstance(value, list):
        return [as_rosbags_value(each, classes) for each in value]
    return np.frombuffer(bytes(value), np.uint8) if hasattr(value, "typecode") else value
