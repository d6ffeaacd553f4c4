"""The types of options: what their texts mean."""

from __future__ import annotations

import argparse
import math
import re


def size(text: str) -> tuple[int, int]:
    """Read "192x256" as (height, width)."""
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected HEIGHTxWIDTH, like 192x256, got {text!r}")
    return int(match[1]), int(match[2])


def seconds(text: str) -> float:
    """Read a length of time above 0."""
    return _above_zero(text, "seconds")


def minutes(text: str) -> float:
    """Read a length of time above 0, in minutes."""
    return _above_zero(text, "minutes")


def meters(text: str) -> float:
    """Read a length above 0, in meters."""
    return _above_zero(text, "meters")


def _above_zero(text: str, unit: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected {unit} above 0, got {text!r}")
    return value


def numbers(text: str) -> tuple[float, ...]:
    """Read "0,1,2,4" as numbers."""
    try:
        return tuple(float(number) for number in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected numbers like 0,1,2,4, got {text!r}") from error


def count(text: str) -> int:
    """Read a whole number above 0."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def counts(text: str) -> tuple[int, ...]:
    """Read "20,10" as whole numbers above 0."""
    return tuple(count(each) for each in text.split(","))


def key_and_value(text: str) -> tuple[str, str]:
    """Read "device=usb"."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text!r}")
    return key, value
