"""Fields of a JSON document from an unknown source, with checks of their types and bounds."""

from __future__ import annotations

import json
import math
from typing import Any, get_args

# Characters of a text, and values of a nested part.
MAX_TEXT = 1000
MAX_VALUES = 2000
MAX_NESTING = 4


def parse_object(text: bytes) -> Fields:
    """Parse a JSON document that is one object.

    Raises:
        ValueError: it is not, has a number that JSON does not allow (NaN), or has a field twice.
        RecursionError: it is nested too deeply.
    """
    return Fields(json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is there twice")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON")


class Fields:
    """An object of a document. Each method returns one field.

    Raises:
        ValueError: by every method, if the field is missing or not as expected.
    """

    def __init__(self, values: Any, name: str = "") -> None:
        """Create the fields of an object with the name `name` in the document."""
        self._name = name
        if not isinstance(values, dict):
            raise self._unexpected("an object", values)
        self._values: dict[str, Any] = values

    def value(self, name: str) -> Any:
        """The field, of any type."""
        if name not in self._values:
            raise ValueError(f"expected a field {self._full(name)}, found none")
        return self._values[name]

    def text(self, name: str) -> str:
        """A printable text of up to 1,000 characters."""
        value = self.value(name)
        if not (isinstance(value, str) and len(value) <= MAX_TEXT and value.isprintable()):
            raise self._unexpected(
                f"a printable text of at most {MAX_TEXT} characters", value, name
            )
        return value

    def one_of(self, name: str, choices: Any) -> Any:
        """One of the texts of a `Literal` type."""
        allowed = get_args(choices)
        value = self.value(name)
        if not (isinstance(value, str) and value in allowed):
            raise self._unexpected(f"one of {', '.join(allowed)}", value, name)
        return value

    def digits(self, name: str, count: int) -> str:
        """`count` lower-case hexadecimal digits."""
        value = self.value(name)
        if not (isinstance(value, str) and len(value) == count and set(value) <= _DIGITS):
            raise self._unexpected(f"{count} lower-case hexadecimal digits", value, name)
        return value

    def whole(self, name: str, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self.value(name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self._unexpected(f"a whole number from {least} to {most}", value, name)
        return value

    def truth(self, name: str) -> bool:
        """True or false."""
        value = self.value(name)
        if not isinstance(value, bool):
            raise self._unexpected("true or false", value, name)
        return value

    def number(self, name: str, least: float = -math.inf) -> float:
        """A finite number, at least `least`."""
        value = self.value(name)
        if not (_is_number(value) and value >= least):
            least_said = "" if least == -math.inf else f" from {least:g}"
            raise self._unexpected(f"a finite number{least_said}", value, name)
        return float(value)

    def numbers(self, name: str, most: int) -> tuple[float, ...]:
        """A list of at most `most` finite numbers."""
        return _numbers(self.value(name), most, self._full(name))

    def lists_of_numbers(self, name: str, most: int, most_each: int) -> list[tuple[float, ...]]:
        """A list of at most `most` lists of numbers."""
        value = self.value(name)
        if not (isinstance(value, list) and len(value) <= most):
            raise self._unexpected(f"a list of at most {most} lists", value, name)
        return [_numbers(each, most_each, self._full(name)) for each in value]

    def expect(self, name: str, expected: Any) -> None:
        """Refuse every value but one, and that value in another type."""
        value = self.value(name)
        # 1, 1.0 and true are equal in Python.
        if json.dumps(value) != json.dumps(expected):
            raise self._unexpected(f"{expected!r}", value, name)

    def object(self, name: str) -> Fields:
        """An object."""
        return Fields(self.value(name), self._full(name))

    def object_or_none(self, name: str) -> Fields | None:
        """An object, or null."""
        return None if self.value(name) is None else self.object(name)

    def plain(self, name: str) -> dict[str, Any]:
        """An object of texts and finite numbers, with bounds on its size and depth."""
        self.object(name)
        left = [MAX_VALUES]
        _expect_plain(self.value(name), MAX_NESTING, left, self._full(name))
        return dict(self.value(name))

    def __contains__(self, name: str) -> bool:
        """Whether there is a field of this name."""
        return name in self._values

    def _full(self, name: str) -> str:
        return f"{self._name}.{name}" if self._name else name

    def _unexpected(self, expected: str, got: Any, name: str | None = None) -> ValueError:
        what = self._name or "the document" if name is None else self._full(name)
        return _unexpected(what, expected, got)


_DIGITS = set("0123456789abcdef")


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that is too large for a float
        return False


def _numbers(value: Any, most: int, what: str) -> tuple[float, ...]:
    if not (isinstance(value, list) and len(value) <= most and all(map(_is_number, value))):
        raise _unexpected(what, f"a list of at most {most} finite numbers", value)
    return tuple(float(each) for each in value)


def _expect_plain(value: Any, nesting: int, left: list[int], what: str) -> None:
    left[0] -= 1
    if left[0] < 0 or nesting < 0:
        raise ValueError(f"expected {what} to have at most {MAX_VALUES} values and little nesting")
    if isinstance(value, dict):
        for name, each in value.items():
            _expect_plain(name, nesting - 1, left, what)
            _expect_plain(each, nesting - 1, left, f"{what}.{name}")
    elif isinstance(value, list):
        for each in value:
            _expect_plain(each, nesting - 1, left, what)
    elif isinstance(value, str):
        if len(value) > MAX_TEXT or not value.isprintable():
            raise _unexpected(what, "printable texts", value)
    elif not (value is None or isinstance(value, bool) or _is_number(value)):
        raise _unexpected(what, "texts and finite numbers", value)


def _unexpected(what: str, expected: str, got: Any) -> ValueError:
    said = ascii(got)
    return ValueError(
        f"expected {what} to be {expected}, got {said if len(said) <= 80 else said[:77] + '...'}"
    )
