"""The selected delegate: a library with its options, or the CPU."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SelectedDelegate:
    """A choice and its reason.

    Attributes:
        name: the delegate's name in the table; the file name of a library that was passed by path;
            "cpu" without a delegate.
        library: path of the shared library; None for the CPU's own kernels.
        options: keys and values for the delegate's creation.
        environment: variables to set before the library is loaded.
        reason: of the choice, one paragraph for people.
    """

    name: str
    library: str | None
    options: dict[str, str]
    environment: dict[str, str]
    reason: str
