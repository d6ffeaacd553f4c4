"""The documents: their commands parse with the tools themselves, their links lead somewhere."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_package import COMMANDS
from tfl_depth.runtime.delegates.table import TABLE
from tfl_depth.targets import PROFILES
from tfl_depth.tools.vela_versions import NXP_VELA

ROOT = Path(__file__).resolve().parent.parent
BOARDS = ROOT / "docs" / "boards"
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
NAME = re.compile(r"(?:tools/|tfl-depth-)([a-z]+)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:tools/|tfl-depth-)[a-z]+\b[^`]*)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
# As written in a decision, where what is left out does not matter.
LEFT_OUT = "..."


def commands() -> Iterator[tuple[str, str]]:
    """A document and a command of it: lines of its blocks, and code inside its text."""
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        name = str(path.relative_to(ROOT))
        for _, block in FENCE.findall(text):
            for line in block.replace("\\\n", " ").splitlines():
                if NAME.match(line.strip()):
                    yield name, line.strip()
        for code in INLINE.findall(FENCE.sub("", text)):
            yield name, " ".join(code.split())


def parser_of(command: str) -> argparse.ArgumentParser:
    match = NAME.match(command)
    assert match is not None
    assert match[1] in COMMANDS, f"there is no such tool: {command}"
    parser = importlib.import_module(f"tfl_depth.tools.{match[1]}")._parser()
    assert isinstance(parser, argparse.ArgumentParser)
    return parser


CASES = sorted(set(commands()))


def test_commands_are_found() -> None:
    assert len(CASES) > 20
    assert {document for document, _ in CASES} >= {"README.md", "docs/targets.md"}


@pytest.mark.parametrize(("document", "command"), CASES)
def test_a_command_parses_with_its_tool(document: str, command: str) -> None:
    parser = parser_of(command)
    _, *arguments = shlex.split(command, comments=True)
    known = parser._option_string_actions
    assert {each for each in arguments if each.startswith("--")} <= set(known), document
    whole = not {LEFT_OUT, "--help"} & set(arguments)
    # A tool's name alone, or with some of its options, is spoken of rather than called.
    if whole and (document, command) in CALLS:
        parser.parse_args(arguments)


def calls() -> Iterator[tuple[str, str]]:
    """The commands of blocks, which a reader copies."""
    for path in DOCUMENTS:
        for _, block in FENCE.findall(path.read_text(encoding="utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                if NAME.match(line.strip()):
                    yield str(path.relative_to(ROOT)), line.strip()


CALLS = set(calls())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(document: Path) -> None:
    for target in LINK.findall(document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target


# The boards' guides


@pytest.mark.parametrize("page", sorted(BOARDS.glob("*.md")), ids=lambda path: path.name)
def test_a_guide_says_what_was_never_run(page: Path) -> None:
    text = " ".join(page.read_text(encoding="utf-8").split())
    assert re.search(r"[Nn]ever (run|on)|nothing here was run", text)


def test_every_board_has_its_guide() -> None:
    index = (BOARDS / "README.md").read_text(encoding="utf-8")
    pages = {path.name for path in BOARDS.glob("*.md")} - {"README.md"}
    assert pages == set(LINK.findall(index)) & pages
    for target in PROFILES:
        shown = "ethos-u..." if target.startswith("ethos-u") else target
        assert f"`{shown}`" in index, target
    for delegate in set(TABLE) - {"litert-npu"}:
        assert f"`{delegate}`" in index, delegate


def test_the_guide_has_the_versions_of_vela() -> None:
    text = (BOARDS / "imx93.md").read_text(encoding="utf-8")
    for kernel, version in NXP_VELA.items():
        assert f"| {kernel} | {version} |" in text
