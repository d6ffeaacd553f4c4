"""The documents: their commands parse with the tools themselves, their links lead somewhere."""

from __future__ import annotations

import argparse
import ctypes
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.compiled import compile_library
from tfl_depth.encoding import Decoder, Spans
from tfl_depth.runtime.delegates.table import TABLE
from tfl_depth.targets import PROFILES
from tfl_depth.tools.cli import COMMANDS
from tfl_depth.tools.vela_versions import NXP_VELA

ROOT = Path(__file__).resolve().parents[2]
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
    parser_of(command).parse_args(arguments)


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
    for target in PROFILES:
        shown = "ethos-u..." if target.startswith("ethos-u") else target
        assert f"`{shown}`" in index, target
    for delegate in TABLE:
        assert f"`{delegate}`" in index, delegate


def test_the_guide_has_the_versions_of_vela() -> None:
    text = (BOARDS / "imx93.md").read_text(encoding="utf-8")
    for kernel, version in NXP_VELA.items():
        assert f"| {kernel} | {version} |" in text


def test_the_microcontrollers_c_decodes_as_the_runtime(tmp_path: Path) -> None:
    blocks = FENCE.findall((BOARDS / "ethos-u.md").read_text(encoding="utf-8"))
    (body,) = (block for language, block in blocks if language == "c")
    arguments = "signed char integer, signed char fractional, unsigned M, unsigned N, unsigned u"
    function = f"unsigned decode({arguments})"
    (tmp_path / "decode.c").write_text(f"{function};\n{function} {{\n{body}return depth_mm;\n}}")
    decode = ctypes.CDLL(str(compile_library(tmp_path / "decode.so", tmp_path / "decode.c"))).decode
    for max_depth_m, span_m in ((15, 1), (10, 0.5), (10, 1)):
        spans = Spans.uniform(max_depth_m, span_m)
        integer, fractional = (each.astype(np.uint8).ravel() for each in np.mgrid[:256, :256])
        depth_mm = Decoder(spans).decode(integer, fractional)
        settings = (spans.codes_per_span, spans.count, round(1000 * span_m))
        for k in np.flatnonzero(depth_mm):
            stored = int(integer[k]) - 128, int(fractional[k]) - 128
            assert decode(*stored, *settings) == depth_mm[k]
