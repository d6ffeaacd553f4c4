"""Checks of arguments that take one of several names."""

from __future__ import annotations

from typing import Any, get_args

from tfl_depth.errors import DepthError


def expect_choice(name: str, value: Any, choices: Any, error: type[Exception] = DepthError) -> None:
    """Check that a value is one of the choices.

    Args:
        name: of the argument, for the error.
        value: the value of the argument.
        choices: a `Literal` type.
        error: the class of the error.

    Raises:
        DepthError: the value is not one of them. The class is `error`.
    """
    allowed = get_args(choices)
    if not isinstance(value, str | None) or value not in allowed:
        *others, last = map(repr, allowed)
        named = f"{', '.join(others)} or {last}" if others else last
        raise error(f"Expected `{name}` to be {named}, got {value!r}.")
