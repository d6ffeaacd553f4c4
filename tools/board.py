"""`tfl-depth board`: boards by name, for the commands' --board."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from tfl_depth.boards.address import SshAddress, parse_address
from tfl_depth.boards.board_book import (
    DEFAULT_FOLDER,
    DEFAULT_PYTHON,
    BoardEntry,
    add_board,
    read_boards,
    remove_board,
)
from tfl_depth.errors import BoardError
from tfl_depth.tools.lib import command_result, command_run
from tfl_depth.tools.lib.command_parser import CommandParser, make_parser

EXAMPLE = "tfl-depth board add bench ssh://root@board.local"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    _expect_names(parser, options)
    return command_run.run(lambda: _DO[options.action](options))


def _parser() -> CommandParser:
    parser = make_parser(
        "tfl-depth board",
        "Give boards names, for --board of doctor, prove, placement, benchmark, infer and\n"
        "evaluate. A board is reached by SSH with your own keys and known hosts, or by ADB. Files\n"
        f"go into one folder there, {DEFAULT_FOLDER}, and nothing is installed.\n"
        "  add NAME ADDRESS  name a board; ADDRESS is ssh://user@host, ssh://user@host:port or\n"
        "                    adb:SERIAL\n"
        "  list              all boards\n"
        "  remove NAME       forget a board; its files stay on it\n"
        "  doctor NAME       whether it is reached, and what it lacks",
        EXAMPLE,
    )
    parser.add_argument("action", choices=_DO, metavar="ACTION", help="one of those above")
    parser.add_argument("name", nargs="?", metavar="NAME", help="letters, digits, - and _")
    parser.add_argument("address", nargs="?", metavar="ADDRESS", help="of add")
    parser.add_argument(
        "--python",
        default=DEFAULT_PYTHON,
        metavar="PATH",
        help=f"of add: the board's Python ({DEFAULT_PYTHON})",
    )
    parser.add_argument(
        "--folder",
        default=DEFAULT_FOLDER,
        metavar="PATH",
        help=f"of add: where files go on the board ({DEFAULT_FOLDER})",
    )
    parser.add_argument(
        "--trust-new-host",
        action="store_true",
        help="of add, for SSH: take the key that the host shows now, and no other one later; "
        "without it the host must be in your known_hosts",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="of add: replace a board of that name"
    )
    command_result.add_json(parser)
    return parser


def _expect_names(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check the number of names for an action. A wrong number is an error of use."""
    given = [each for each in (options.name, options.address) if each is not None]
    expected = {"add": 2, "list": 0}.get(options.action, 1)
    if len(given) != expected:
        parser.error(f"{options.action} takes {expected} names, got {len(given)}: see --help")


def _add(options: argparse.Namespace) -> None:
    entry = BoardEntry(
        options.name,
        options.address,
        options.python,
        options.folder,
        _host_key(options.address) if options.trust_new_host else None,
    )
    add_board(entry, overwrite=options.overwrite)
    lines = [f"{entry.name} is {entry.address}; next: tfl-depth board doctor {entry.name}"]
    if entry.host_key is not None:
        from tfl_depth.boards.ssh_connection import fingerprint

        lines.append(f"its host key: {fingerprint(entry.host_key)}; compare it with the board's")
    command_result.tell(options, _as_report(entry), "\n".join(lines))


def _host_key(address: str) -> str:
    parsed = parse_address(address)
    if not isinstance(parsed, SshAddress):
        raise BoardError("Only SSH has host keys: leave out --trust-new-host.")
    from tfl_depth.boards.ssh_connection import host_key_of

    return host_key_of(parsed)


def _list(options: argparse.Namespace) -> None:
    entries = read_boards().values()
    lines = [f"{entry.name:<14} {entry.address}" for entry in entries]
    empty = f"There is no board yet: {EXAMPLE}"
    command_result.tell(options, [*map(_as_report, entries)], "\n".join(lines or [empty]))


def _remove(options: argparse.Namespace) -> None:
    entry = remove_board(options.name)
    text = f"{entry.name} is forgotten; its files are in {entry.folder} of {entry.address}"
    command_result.tell(options, _as_report(entry), text)


def _doctor(options: argparse.Namespace) -> None:
    from tfl_depth.boards import RemoteBoard

    with RemoteBoard(options.name) as board:
        facts, lacks = board.facts, board.lacks()
    rows = {
        "board": f"{options.name}: {facts.description}",
        "system": f"{facts.system or 'unknown'}, kernel {facts.kernel}",
        "python": f"{facts.python} at {facts.executable}",
        **{name: _version(found) for name, found in facts.packages.items()},
        "interpreter": _version(facts.interpreter, named=True),
        "folder": _folder(facts.folder, facts.unwritable),
    }
    lines = [f"{name:<14} {text}" for name, text in rows.items()]
    if not lacks:
        lines += ["", f"next: tfl-depth doctor MODEL --board {options.name}"]
    found = {**facts.as_report(), "folder": facts.folder, "lacks": lacks}
    command_result.tell(options, found, "\n".join(lines))
    if lacks:
        raise BoardError(" ".join(lacks))


def _version(found: dict[str, str] | None, *, named: bool = False) -> str:
    if found is None:
        return "not there"
    name = f"{found['name']} " if named else ""
    release = found["version"] or "(version unknown)"
    return f"{name}{release}" if not found["error"] else f"{name}does not load: {found['error']}"


def _folder(path: str, unwritable: str) -> str:
    return f"{path}: {unwritable}" if unwritable else path


def _as_report(entry: BoardEntry) -> dict[str, Any]:
    return dict(vars(entry))


_DO = {"add": _add, "list": _list, "remove": _remove, "doctor": _doctor}
