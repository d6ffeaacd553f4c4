"""What the runtime opens: a delegate's library with its options, or the CPU."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SelectedDelegate:
    """One choice, and why it was made.

    Attributes:
        name: of the delegate, as the table knows it; a library's file name where it was given by
            path; "cpu" without one.
        library: path of the shared library, or None for the CPU's own kernels.
        options: keys and values for the delegate's creation.
        environment: variables that have to be set before the library is loaded.
        reason: why it was chosen, and what else was looked for; one paragraph for people.
    """

    name: str
    library: str | None
    options: dict[str, str]
    environment: dict[str, str]
    reason: str
