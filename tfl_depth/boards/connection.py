"""The interface of a link to a board: it starts programs and exchanges data with them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from tfl_depth.errors import BoardError


class LinkLostError(BoardError):
    """The link to the board ended while it was in use."""


@dataclass(frozen=True)
class CommandResult:
    """A finished program on a board.

    Attributes:
        status: its exit status; 128 or more if a signal ended it.
        output: its standard output that was not read before.
        errors: its standard error, as text.
    """

    status: int
    output: bytes
    errors: str


class BoardProcess(ABC):
    """A running program on a board, with access to its standard input and output."""

    @abstractmethod
    def send(self, content: bytes, limit_s: float) -> None:
        """Write to its standard input.

        Raises:
            TimeoutError: it has not read all within the limit.
            LinkLostError: the link ended.
        """

    @abstractmethod
    def end_input(self) -> None:
        """Close its standard input."""

    @abstractmethod
    def receive(self, size: int, limit_s: float) -> bytes:
        """Read `size` bytes of its standard output, or fewer if it ends before.

        Raises:
            TimeoutError: they have not arrived within the limit.
            LinkLostError: the link ended.
        """

    @abstractmethod
    def finish(self, limit_s: float) -> CommandResult:
        """Wait for its end.

        Raises:
            TimeoutError: it has not ended within the limit.
            LinkLostError: the link ended before the program did.
        """


class BoardConnection(ABC):
    """A link to a board, by SSH or by ADB. Close it after use."""

    @abstractmethod
    def start(self, command: str) -> BoardProcess:
        """Start a command of the board's shell.

        Raises:
            BoardError: the board refuses.
            LinkLostError: the link ended.
        """

    @abstractmethod
    def close(self) -> None:
        """End the link. Programs that still run on the board get the end of their input."""

    def run(self, command: str, content: bytes = b"", *, limit_s: float) -> CommandResult:
        """Run a command of the board's shell to its end.

        Args:
            command: for /bin/sh.
            content: for its standard input, which is closed afterwards.
            limit_s: for sending, and again for the rest.

        Raises:
            TimeoutError: it takes longer.
            LinkLostError: the link ended before the command did.
        """
        process = self.start(command)
        if content:
            process.send(content, limit_s)
        process.end_input()
        return process.finish(limit_s)
