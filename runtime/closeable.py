"""What has to be closed, and closes itself at the end of a `with`, in the process that made it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, TypeVar

from tfl_depth.errors import DepthError

Self = TypeVar("Self", bound="Closeable")


class Closeable(ABC):
    """A context manager that closes itself at its end.

    It holds a process, a socket, a thread, a camera or native code, none of which a forked process
    may share: there `close` does nothing, and every other call is an error.
    """

    _maker: int

    def __new__(cls: type[Self], *_arguments: Any, **_options: Any) -> Self:
        """Remember the process."""
        made = super().__new__(cls)
        made._maker = os.getpid()
        return made

    def expect_own_process(self) -> None:
        """Raise a DepthError where a fork has brought this object into another process."""
        if not is_own(self._maker):
            raise DepthError(
                f"This {type(self).__name__} was made in process {self._maker} and is used in "
                f"process {os.getpid()}, which a fork has made: its threads and connections are "
                "not there. Make it in the new process, or start the process with "
                "multiprocessing's 'spawn' method."
            )

    def close(self) -> None:
        """Free what it holds; closing twice is allowed."""
        if is_own(self._maker):
            self._close()

    @abstractmethod
    def _close(self) -> None:
        """Free what it holds, in the process that made it."""

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
    """Whether a process is this one."""
    return process == os.getpid()
