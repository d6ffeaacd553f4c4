"""Operators' names, short and unique."""

from __future__ import annotations

from tfl_depth.strategy.operator_names import LONGEST, short_names


def test_what_most_have_in_common_is_left_out() -> None:
    names = ["net/a/Relu;net/a/conv", "net/b/Relu;net/b/conv", "net/depth/BiasAdd", "thermometer"]
    assert list(short_names(names).values()) == ["a/Relu", "b/Relu", "depth/BiasAdd", "thermometer"]


def test_names_that_are_alike_are_numbered() -> None:
    assert list(short_names(["x;1", "x;2", "y"]).values()) == ["x (1)", "x (2)", "y"]


def test_a_name_is_never_empty_nor_long() -> None:
    found = short_names(["/", "a" * 200])
    assert found["/"] == "/" and len(found["a" * 200]) == LONGEST
