"""What the commands need of a link to a board: to start a program there, and to talk with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from tfl_depth.errors import BoardError


class LinkLostError(BoardError):
    """The link to the board ended while it was in use."""


@dataclass(frozen=True)
class Ended:
    """A program that has ended on a board.

    Attributes:
        status: its exit status; 128 and more where a signal ended it.
        output: what it printed and nobody has received yet.
        errors: what it printed on standard error, as text.
    """

    status: int
    output: bytes
    errors: str


class BoardProcess(ABC):
    """A program that runs on a board, with its standard input and output at hand."""

    @abstractmethod
    def send(self, content: bytes, limit_s: float) -> None:
        """Write to its standard input.

        Raises:
            TimeoutError: it has not taken all within the limit.
            LinkLostError: the link ended.
        """

    @abstractmethod
    def end_input(self) -> None:
        """Close its standard input."""

    @abstractmethod
    def receive(self, size: int, limit_s: float) -> bytes:
        """Read `size` bytes of its standard output, or fewer where that ends before.

        Raises:
            TimeoutError: they have not come within the limit.
            LinkLostError: the link ended.
        """

    @abstractmethod
    def finish(self, limit_s: float) -> Ended:
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
        """End the link; what still runs on the board gets the end of its standard input."""

    def run(self, command: str, content: bytes = b"", *, limit_s: float) -> Ended:
        """Run a command of the board's shell to its end.

        Args:
            command: for /bin/sh.
            content: for its standard input, which is closed behind it.
            limit_s: for the sending, and once more for the rest.

        Raises:
            TimeoutError: it takes longer.
            LinkLostError: the link ended before the command did.
        """
        process = self.start(command)
        if content:
            process.send(content, limit_s)
        process.end_input()
        return process.finish(limit_s)
