"""A board's own Python: it reports facts, and receives and unpacks files."""

from __future__ import annotations

import hashlib
import inspect
import json
import shlex
from collections.abc import Iterable
from functools import cache
from types import ModuleType
from typing import Any

from tfl_depth.boards.board_book import BoardEntry
from tfl_depth.boards.board_facts import COMPILED, PURE, BoardFacts, disk_full, python_refusal
from tfl_depth.boards.connection import BoardConnection, BoardProcess
from tfl_depth.boards.on_board import answer, board_program, board_state, contents, job_folders
from tfl_depth.child import WITHOUT_FOLDER
from tfl_depth.errors import BoardError
from tfl_depth.runtime.engines.interpreter import PACKAGES

ANSWER_LIMIT_S = 180.0
# The slowest link. A slower transfer is stopped.
SLOWEST_BYTES_S = 20_000
# The file with each function for the board.
_FILES = {
    "facts": board_state,
    "lacking": contents,
    "receive": contents,
    "unpack": contents,
    "stage": job_folders,
    "discard": job_folders,
    "pack": job_folders,
    "run": board_program,
}
_VERSION = f"{WITHOUT_FOLDER}\nimport platform; print(platform.python_version())"
# Runs the code in its first two arguments with the other arguments.
_RUN = f"{WITHOUT_FOLDER}\nexec(sys.argv.pop(1))\nexec(sys.argv.pop(1))"
_BOOT = "cat /proc/sys/kernel/random/boot_id"


def boot_id(connection: BoardConnection) -> str:
    """Linux's id of the current boot; empty if there is none."""
    done = connection.run(_BOOT, limit_s=ANSWER_LIMIT_S)
    return done.output.decode(errors="replace").strip()


class BoardPython:
    """The Python of a board, at the other end of a connection."""

    def __init__(self, entry: BoardEntry, connection: BoardConnection) -> None:
        """Find the Python and check its version.

        Raises:
            BoardError: it is missing, or the runtime does not run on its version.
        """
        self._entry, self._connection = entry, connection
        done = connection.run(self._command("-c", _VERSION), limit_s=ANSWER_LIMIT_S)
        words = done.output.decode(errors="replace").split()
        if done.status or not words:
            said = " ".join(done.errors.split())[-200:] or f"status {done.status}"
            raise BoardError(
                f"{entry.name} has no Python that starts as {entry.python} ({said.rstrip('.')}): "
                "install one there, or name another one with tfl-depth board add --python."
            )
        refusal = python_refusal(entry, words[-1])
        if refusal is not None:
            raise BoardError(refusal)

    def facts(self) -> BoardFacts:
        """Ask for the facts about the board."""
        found = self._ask(
            "facts",
            limit_s=4 * board_state.IMPORT_LIMIT_S,
            folder=self._entry.folder,
            imported=[*COMPILED],
            named=[*PURE],
            interpreters=[*PACKAGES],
        )
        return BoardFacts(**found)

    def deliver(self, folder: str, contents: Iterable[bytes]) -> int:
        """Send the contents that are not there yet, and return the number of bytes.

        Raises:
            BoardError: there is no space, or it cannot be written.
        """
        by_digest = {digest_of(content): content for content in contents}
        found = self._ask("lacking", folder=folder, wanted=[*by_digest])
        missing = {digest: by_digest[digest] for digest in found["missing"]}
        needed, free = sum(map(len, missing.values())), found["free_bytes"]
        if free is not None and free < needed:
            raise BoardError(disk_full(self._entry, folder, free, needed))
        for digest, content in missing.items():
            self._ask(
                "receive",
                content,
                limit_s=ANSWER_LIMIT_S + len(content) / SLOWEST_BYTES_S,
                folder=folder,
                digest=digest,
                size=len(content),
            )
        return needed

    def unpack(self, folder: str, digest: str) -> str:
        """Unpack an archive that was sent, and return the folder to import from."""
        return str(self._ask("unpack", folder=folder, digest=digest)["path"])

    def stage(self, folder: str, job: str, inputs: list[tuple[str, str]]) -> str:
        """Make a folder with the files `inputs` (names and digests), and return its path."""
        return str(self._ask("stage", folder=folder, job=job, inputs=inputs)["path"])

    def discard(self, path: str) -> None:
        """Delete such a folder."""
        self._ask("discard", path=path)

    def pack(self, path: str) -> BoardProcess:
        """Start to send the files of a folder, as a tar archive."""
        return self._connection.start(self._request("pack", path=path))

    def start(
        self, arguments: list[str], folder: str, environment: dict[str, str], limit_s: float
    ) -> BoardProcess:
        """Start this Python in a folder. The board ends it at the limit or if the link is lost."""
        command = [self._entry.python, *arguments]
        return self._connection.start(
            self._request(
                "run", command=command, folder=folder, environment=environment, limit_s=limit_s
            )
        )

    def _ask(
        self, do: str, content: bytes = b"", *, limit_s: float = ANSWER_LIMIT_S, **arguments: Any
    ) -> dict[str, Any]:
        try:
            done = self._connection.run(self._request(do, **arguments), content, limit_s=limit_s)
        except TimeoutError as error:
            raise BoardError(
                f"{self._entry.name} does not answer within {limit_s:.0f} s: is it busy?"
            ) from error
        line = done.output.decode(errors="replace").strip().rpartition("\n")[2]
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError as error:
            said = " ".join(done.errors.split())[-300:] or f"status {done.status}"
            raise BoardError(
                f"The Python of {self._entry.name} fails ({said.rstrip('.')}): try "
                f"{self._entry.python} there, or name another one with tfl-depth board add "
                "--python."
            ) from error
        if "error" in answer:
            raise BoardError(self._failure(answer))
        return answer

    def _failure(self, answer: dict[str, Any]) -> str:
        name = self._entry.name
        if answer["errno"] in ("ENOSPC", "EDQUOT"):
            return (
                f"The disk of {name} is full: delete {self._entry.folder} there, or name another "
                "folder with tfl-depth board add --folder."
            )
        if answer["errno"] in ("EROFS", "EACCES", "EPERM"):
            return (
                f"The folder {self._entry.folder} of {name} cannot be written ({answer['error']}): "
                "name another one with tfl-depth board add --folder."
            )
        return f"{name} cannot take the files ({answer['error']}): try again."

    def _request(self, do: str, **arguments: Any) -> str:
        texts = map(_text, (_FILES[do], answer))
        return self._command("-c", _RUN, *texts, json.dumps({"do": do, **arguments}))

    def _command(self, *arguments: str) -> str:
        return shlex.join([self._entry.python, *arguments])


@cache
def _text(module: ModuleType) -> str:
    return inspect.getsource(module)


def digest_of(content: bytes) -> str:
    """The name of a file on a board, from its content."""
    return hashlib.sha256(content).hexdigest()
