"""What the children say to the user."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Refused(Exception):  # noqa: N818
    """The network cannot be converted; the text is for the user as it stands."""


def not_finite(name: str, place: str) -> Refused:
    """The refusal of weights that are NaN or infinite."""
    return Refused(
        f"{name} has weights that are NaN or infinite, in {place}: the training diverged. Take an "
        "earlier checkpoint."
    )


def one_input(name: str, inputs: Iterable[Any]) -> Refused:
    """The refusal of several inputs."""
    found = list(map(str, inputs))
    return Refused(
        f"Expected {name} to have one input, an image; it has {len(found)}: {', '.join(found)}."
    )
