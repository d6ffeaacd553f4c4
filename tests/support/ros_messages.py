"""ROS 2 messages without ROS: classes that check their fields as rclpy's generated ones do.

The definitions are the field lists of ros2/common_interfaces (sensor_msgs/msg/*.msg,
std_msgs/msg/Header.msg) and ros2/rcl_interfaces (builtin_interfaces/msg/Time.msg), which have been
the same from Humble to Jazzy.
"""

from __future__ import annotations

import array
import re
from typing import Any, ClassVar

DEFINITIONS = {
    "Time": "int32 sec, uint32 nanosec",
    "Header": "Time stamp, string frame_id",
    "Image": (
        "Header header, uint32 height, uint32 width, string encoding, uint8 is_bigendian, "
        "uint32 step, uint8[] data"
    ),
    "RegionOfInterest": (
        "uint32 x_offset, uint32 y_offset, uint32 height, uint32 width, bool do_rectify"
    ),
    "CameraInfo": (
        "Header header, uint32 height, uint32 width, string distortion_model, float64[] d, "
        "float64[9] k, float64[9] r, float64[12] p, uint32 binning_x, uint32 binning_y, "
        "RegionOfInterest roi"
    ),
    "PointField": "string name, uint32 offset, uint8 datatype, uint32 count",
    "PointCloud2": (
        "Header header, uint32 height, uint32 width, PointField[] fields, bool is_bigendian, "
        "uint32 point_step, uint32 row_step, uint8[] data, bool is_dense"
    ),
}
LIMITS = {"int32": (-(2**31), 2**31 - 1), "uint8": (0, 255), "uint32": (0, 2**32 - 1)}


class RosMessage:
    """A message; its class has `FIELDS`, the type of each field."""

    FIELDS: ClassVar[dict[str, str]] = {}

    def __init__(self, **values: Any) -> None:
        for name, kind in self.FIELDS.items():
            setattr(self, name, values.pop(name) if name in values else _default(kind))
        assert not values

    def __setattr__(self, name: str, value: Any) -> None:
        assert name in self.FIELDS, f"{type(self).__name__} has no field {name}"
        assert _fits(value, self.FIELDS[name]), f"{name}: {value!r:.60} is no {self.FIELDS[name]}"
        object.__setattr__(self, name, value)


def _default(kind: str) -> Any:
    if match := re.fullmatch(r"(\w+)\[(\d*)\]", kind):
        return [_default(match[1])] * int(match[2] or 0)
    if kind in MESSAGES:
        return MESSAGES[kind]()
    return {"string": "", "bool": False, "float64": 0.0}.get(kind, 0)


def _fits(value: Any, kind: str) -> bool:
    if match := re.fullmatch(r"(\w+)\[(\d*)\]", kind):
        if isinstance(value, array.array):
            return (value.typecode, kind) == ("B", "uint8[]")
        return len(value) == int(match[2] or len(value)) and all(_fits(v, match[1]) for v in value)
    if kind in LIMITS:
        low, high = LIMITS[kind]
        return isinstance(value, int) and low <= value <= high
    simple = {"string": str, "bool": bool, "float64": float}
    return isinstance(value, simple.get(kind) or MESSAGES[kind])


MESSAGES: dict[str, type[RosMessage]] = {}
for _name, _fields in DEFINITIONS.items():
    _pairs = (field.split(" ") for field in _fields.split(", "))
    MESSAGES[_name] = type(_name, (RosMessage,), {"FIELDS": {n: kind for kind, n in _pairs}})
