"""The documents: their commands parse with the tools themselves, their links lead somewhere."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
import shutil
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest

from tests.support import ramp
from tests.support.c_programs import compile_c, run_c
from tfl_depth.diagnostics.vela_versions import NXP_VELA
from tfl_depth.runtime.delegates.table import TABLE
from tfl_depth.targets import TARGETS
from tfl_depth.tools import export
from tfl_depth.tools.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
GCC = "gcc"
BOARDS = ROOT / "docs" / "boards"
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "zoo" / "README.md", *(ROOT / "docs").rglob("*.md")])
NAME = re.compile(r"(?:tools/|tfl-depth )([a-z]+)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:tools/|tfl-depth\s)[a-z]+(?![a-z,])[^`]*)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


def calls() -> Iterator[tuple[str, str]]:
    """A document and a command of its blocks, which a reader copies."""
    for path in DOCUMENTS:
        for _, block in FENCE.findall(path.read_text(encoding="utf-8")):
            lines = map(str.strip, block.replace("\\\n", " ").splitlines())
            yield from ((str(path.relative_to(ROOT)), line) for line in lines if NAME.match(line))


def mentions() -> Iterator[tuple[str, str]]:
    """A document and a command inside its text, which need not be whole."""
    for path in DOCUMENTS:
        text = FENCE.sub("", path.read_text(encoding="utf-8"))
        for code in INLINE.findall(text):
            yield str(path.relative_to(ROOT)), " ".join(code.split())


def parser_of(command: str) -> argparse.ArgumentParser:
    match = NAME.match(command)
    assert match is not None
    assert match[1] in COMMANDS, f"there is no such tool: {command}"
    parser = importlib.import_module(f"tfl_depth.tools.{match[1]}")._parser()
    assert isinstance(parser, argparse.ArgumentParser)
    return parser


CALLS, MENTIONS = sorted(set(calls())), sorted(set(mentions()))


def test_commands_are_found() -> None:
    assert {document for document, _ in CALLS} >= {"README.md", "docs/boards/imx93.md"}
    assert len(CALLS) > 20 < len(MENTIONS)


@pytest.mark.parametrize(("document", "command"), CALLS)
def test_a_command_to_copy_is_one_that_its_tool_takes(document: str, command: str) -> None:
    arguments = shlex.split(NAME.sub("", command, count=1), comments=True)
    # What stands behind a pipe is another program's.
    parser_of(command).parse_args(list(takewhile(lambda each: each != "|", arguments)))


@pytest.mark.parametrize(("document", "command"), MENTIONS)
def test_options_of_a_command_in_the_text_exist(document: str, command: str) -> None:
    options = {each for each in shlex.split(command) if each.startswith("-")}
    assert options <= set(parser_of(command)._option_string_actions)


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
    for target in TARGETS:
        shown = re.sub(r"^(ethos-u|qnn-).*", r"\1...", target)
        assert f"`{shown}`" in index, target
    for delegate in TABLE:
        assert f"`{delegate}`" in index, delegate


def test_the_guide_has_the_versions_of_vela() -> None:
    text = (BOARDS / "imx93.md").read_text(encoding="utf-8")
    for kernel, version in NXP_VELA.items():
        assert f"| {kernel} | {version} |" in text


@pytest.mark.skipif(shutil.which(GCC) is None, reason="there is no gcc")
def test_c_in_documents_compiles_with_the_exported_table(models: Path, tmp_path: Path) -> None:
    model = models / ramp.file_name("15m-1m")
    assert export.main(["c", str(model), "--output", str(tmp_path / "net.h")]) == 0
    blocks = [
        block
        for path in DOCUMENTS
        for language, block in FENCE.findall(path.read_text(encoding="utf-8"))
        if language == "c"
    ]
    assert len(blocks) == 3
    for block in blocks:
        if "int main" in block:
            assert run_c(compile_c(GCC, tmp_path, block)) == b"5698 mm, 0 inconsistent\n"
        else:
            compile_c(GCC, tmp_path, block, "-c")
