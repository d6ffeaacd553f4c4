"""Objects that must be closed, by the process that created them."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, TypeVar

from tfl_depth.errors import DepthError

Self = TypeVar("Self", bound="Closeable")


class Closeable(ABC):
    """A context manager that closes itself at the end.

    It holds a process, a socket, a thread, a camera or native code. A forked process cannot share
    these. In a forked process `close` does nothing, and every other call is an error.
    """

    _maker: int

    def __new__(cls: type[Self], *_arguments: Any, **_options: Any) -> Self:
        """Note the process that creates the object."""
        made = super().__new__(cls)
        made._maker = os.getpid()
        return made

    def expect_own_process(self) -> None:
        """Raise a DepthError in a forked process."""
        if not is_own(self._maker):
            raise DepthError(
                f"This {type(self).__name__} was created in process {self._maker} and is used in "
                f"the forked process {os.getpid()}, which has none of its threads and "
                "connections. Create it in the new process, or start the process with "
                "multiprocessing's 'spawn' method."
            )

    def close(self) -> None:
        """Free all resources. A second call does nothing."""
        if is_own(self._maker):
            self._close()

    @abstractmethod
    def _close(self) -> None:
        """Free all resources, in the process that created the object."""

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def is_own(process: int) -> bool:
    """Whether a process number is that of this process."""
    return process == os.getpid()
