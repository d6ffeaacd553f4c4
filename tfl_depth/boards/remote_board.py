"""A board that runs the commands of this package with its own interpreter and delegate."""

from __future__ import annotations

import json
import os
import secrets
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO, Any

from tfl_depth.boards.board_book import BoardEntry, find_board
from tfl_depth.boards.board_facts import PURE, BoardFacts, refusals
from tfl_depth.boards.board_python import ANSWER_LIMIT_S, BoardPython, boot_id, digest_of
from tfl_depth.boards.camera_message import camera_json
from tfl_depth.boards.connection import BoardProcess, CommandResult, LinkLostError
from tfl_depth.boards.frame_stream import FRAME_LIMIT_S, FrameStream
from tfl_depth.boards.light_wheel import light_wheel, pure_packages
from tfl_depth.boards.lost_link import lost_link
from tfl_depth.boards.on_board.board_program import TIMED_OUT
from tfl_depth.boards.open_connection import open_connection
from tfl_depth.boards.tool_output import read_output, with_own_paths
from tfl_depth.errors import BoardError, ModelFileError
from tfl_depth.files import write_whole
from tfl_depth.runtime.closeable import Closeable

RUN_LIMIT_S = 600.0
# Extra time for the board to end the program itself after the limit.
_MARGIN_S = 30.0
_PART = 2**20


@dataclass(frozen=True)
class ToolRun:
    """The result of a command on a board.

    Attributes:
        status: its exit status.
        result: its JSON, with this machine's paths; None if it printed no JSON.
        conditions: temperatures and clocks before and after it; None if it was stopped.
        errors: its standard error.
        seconds: its duration without the transfer of files.
    """

    status: int
    result: dict[str, Any] | None
    conditions: dict[str, Any] | None
    errors: str
    seconds: float


class RemoteBoard(Closeable):
    """A board of the user's list. Close it after use, or use it in a `with` block.

    Attributes:
        entry: its name and address.
        facts: the facts about it.
        sent_bytes: size of the wheels and files that were sent. Existing ones are not sent.
    """

    def __repr__(self) -> str:
        return f"<RemoteBoard {self.entry.name}, {self.entry.address}>"

    def __init__(self, board: str | BoardEntry) -> None:
        """Connect and check whether the runtime can run there. Nothing is copied yet.

        Args:
            board: a name of the user's list, or an entry.

        Raises:
            BoardError: the board cannot be reached, or lacks something, which the text names.
        """
        self.entry = find_board(board) if isinstance(board, str) else board
        self._connection = open_connection(self.entry)
        self.sent_bytes = 0
        self._boot: str | None = None
        # The activity that a lost link interrupts, for the message.
        self._now = "was asked what it has"
        self._paths: list[str] | None = None
        try:
            with self._watched(ANSWER_LIMIT_S):
                self._boot = boot_id(self._connection)
                self._python = BoardPython(self.entry, self._connection)
                self.facts: BoardFacts = self._python.facts()
        except BaseException:
            self._connection.close()
            raise

    def lacks(self) -> list[str]:
        """What the board lacks for the runtime, one sentence for each; empty if it is ready."""
        return [*refusals(self.entry, self.facts)]

    def run_tool(
        self,
        tool: str,
        arguments: Sequence[str | Path],
        *,
        limit_s: float = RUN_LIMIT_S,
        output: Path | None = None,
    ) -> ToolRun:
        """Run a command of `tfl-depth` on the board, with --json.

        Args:
            tool: the command's name, such as "prove".
            arguments: a `Path` is a file of this machine, which is sent; a string is passed
                unchanged.
            limit_s: after this time the board ends it.
            output: folder for the files that the command writes into --output; None for a command
                without files.

        Raises:
            BoardError: the board lacks something, the link is lost, or the time is over.
        """
        files = [each for each in arguments if isinstance(each, Path)]
        with self._watched(limit_s), self._job(files, f"ran tfl-depth {tool}") as (job, names):
            there = iter(names.items())
            given = [next(there)[0] if isinstance(each, Path) else each for each in arguments]
            folder = f"{job}/output"
            given += ["--json", *(["--output", folder] if output is not None else [])]
            done, seconds = self._run(job, [tool, *given], limit_s)
            if output is not None:
                self._bring(folder, output)
        said = read_output(done.output.decode(errors="replace"))
        paths = dict(names) if output is None else {**names, folder: str(output)}
        return ToolRun(
            status=done.status,
            result=with_own_paths(said.result, paths),
            conditions=said.conditions,
            errors=done.errors,
            seconds=seconds,
        )

    @contextmanager
    def frames(self, model: Path, settings: Mapping[str, Any]) -> Iterator[FrameStream]:
        """A stream of frames that the board computes.

        Args:
            model: a .tflite of this machine, which is sent.
            settings: arguments of `DepthRunner`; a public key is a path of this machine.

        Raises:
            BoardError: as in `run_tool`, now or at any frame.
        """
        key = settings.get("public_key")
        files = [model, *([] if key is None else [Path(key)])]
        with self._watched(FRAME_LIMIT_S), self._job(files, "computed frames") as (job, names):
            there, *keys = names
            given = {
                **settings,
                "public_key": keys[0] if keys else None,
                "camera": camera_json(settings.get("camera")),
            }
            arguments = [there, json.dumps(given)]
            process = self._start("tfl_depth.boards.frame_server", arguments, job)
            yield FrameStream(process, self._failed)

    def _close(self) -> None:
        self._connection.close()

    @contextmanager
    def _job(self, files: Sequence[Path], doing: str) -> Iterator[tuple[str, dict[str, str]]]:
        """Make a folder on the board with some files. Yield its path, and the file of each path."""
        self._now = "took the files"
        contents = [_content(path) for path in files]
        self._prepare(contents)
        digests = map(digest_of, contents)
        named = [(_plain(file.name), digest) for file, digest in zip(files, digests, strict=True)]
        job = self._python.stage(self.facts.folder, secrets.token_hex(8), named)
        paths = {f"{job}/{i}/{name}": str(files[i]) for i, (name, _) in enumerate(named)}
        self._now = doing
        try:
            yield job, paths
        except (LinkLostError, TimeoutError):
            raise
        except Exception:
            self._python.discard(job)
            raise
        self._python.discard(job)

    def _prepare(self, contents: Sequence[bytes]) -> None:
        """Send the runtime and some contents if they are not there."""
        lacks = self.lacks()
        if lacks:
            raise BoardError(lacks[0])
        pure = [name for name in PURE if self.facts.packages[name] is None]
        archives = [light_wheel(), *([pure_packages(pure)] if pure else [])]
        folder = self.facts.folder
        self.sent_bytes += self._python.deliver(folder, [*archives, *contents])
        if self._paths is None:
            self._paths = [self._python.unpack(folder, digest_of(each)) for each in archives]

    def _start(
        self, module: str, arguments: Sequence[str], job: str, limit_s: float = 1e9
    ) -> BoardProcess:
        environment = {"PYTHONPATH": os.pathsep.join(self._paths or ())}
        return self._python.start(["-m", module, *arguments], job, environment, limit_s)

    def _run(
        self, job: str, arguments: Sequence[str], limit_s: float
    ) -> tuple[CommandResult, float]:
        """Run a command to its end; also return its duration in seconds."""
        begin_s = monotonic()
        process = self._start("tfl_depth.tools.lib.board_run", arguments, job, limit_s)
        # Its input stays open, since the board ends the program at the end of its input.
        done = process.finish(limit_s + _MARGIN_S)
        if done.status == TIMED_OUT:
            raise TimeoutError
        return done, monotonic() - begin_s

    def _bring(self, folder: str, output: Path) -> None:
        """Copy the files of a folder of the board to this machine."""
        process = self._python.pack(folder)
        with tempfile.TemporaryFile() as archive:
            while part := process.receive(_PART, ANSWER_LIMIT_S):
                archive.write(part)
            process.finish(ANSWER_LIMIT_S)
            archive.seek(0)
            _unpack(archive, output)

    def _failed(self, done: CommandResult) -> BoardError:
        said = " ".join(done.errors.split())[-300:] or f"status {done.status}"
        return BoardError(f"The model's process on {self.entry.name} ended ({said.rstrip('.')}).")

    @contextmanager
    def _watched(self, limit_s: float) -> Iterator[None]:
        """Make the messages of a lost link and of a limit tell the board's activity."""
        try:
            yield
        except LinkLostError as error:
            raise BoardError(lost_link(self.entry, self._boot, self._now)) from error
        except TimeoutError as error:
            raise BoardError(
                f"{self.entry.name} {self._now} for more than {limit_s:g} s and was stopped: give "
                "it more time with --time-limit."
            ) from error


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"Cannot read {path}: {error.strerror}.") from error


def _plain(name: str) -> str:
    """A file's name that can be in a JSON text."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def _unpack(archive: IO[bytes], output: Path) -> None:
    """Write the files of a tar archive into a folder, each whole."""
    output.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=archive) as files:
        for member in files:
            content = files.extractfile(member)
            if content is not None:
                write_whole(output / Path(member.name).name, content.read())
