"""Names: one for each class and module of the package, all in American spelling."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tfl_depth.tools.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
# The folders of the package; tfl_depth/ has links to the others, which rglob does not follow.
FOLDERS = ("converters", "runtime", "tfl_depth", "tools")
# Files of words.
SPELLED = {".py", ".md", ".json", ".toml", ".cfg", ".yml", ".yaml", ".txt", ".js", ".css", ".html"}


def modules() -> Iterator[Path]:
    """Files and folders by which the package is imported."""
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            yield path.parent if path.name == "__init__.py" else path


def is_command(path: Path) -> bool:
    """Whether it is a command, which may have the name of the module that does its work."""
    return path.parent == ROOT / "tools" and path.stem in COMMANDS


def test_modules_have_names_of_their_own() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        # graph/graph.py is what graph/ is about.
        if not is_command(path) and path.stem != path.parent.name:
            found[path.stem].append(str(path.relative_to(ROOT)))
    assert len(found) > 200
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}


def test_classes_have_names_of_their_own() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path in filter(Path.is_file, modules()):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(path.relative_to(ROOT)))
    assert len(found) > 150
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}


# Stems of words as British English spells them.
BRITISH = re.compile(
    r"""(?ix) (?<![a-z]) (?:
      (?:dis|re|de)?colour | behaviour | neighbour | favour | honour | grey | centre(?!\w*\() |
      (?:centi|kilo|milli)?metres? \b | litres? \b | fibres? \b | licence | defence | artefact |
      catalogue | fulfil \b | aluminium | programme (?!r|d) |
      (?: model | label | cancel | signal | channel | level ) l (?: ed | ing ) \b |
      (?:de|re|un|in)? (?: quanti | normali | optimi | initiali | equali | lineari | seriali |
        minimi | maximi | colori | reali | organi | recogni | summari | generali | speciali |
        utili | customi | regulari | visuali | randomi | vectori | parameteri | categori |
        prioriti | finali | synchroni | standardi | capitali | characteri | stabili | analy )
        s (?: e[ds]? | ers? | ing | ations? | able ) \b
    )"""
)
# The names that recipes had, with their new names beside them; and an option of Vela's.
OTHERS_SPELLING = re.compile(r"equalised(?:-learned)?|--optimise\b|\banalyses\b")


def test_words_are_spelled_as_in_america() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("this is no git checkout")
    found: list[str] = []
    for name in filter(None, listed.stdout.split("\0")):
        # This file has the British words themselves.
        if name == "tests/test_names.py" or Path(name).suffix not in SPELLED:
            continue
        text = OTHERS_SPELLING.sub("", (ROOT / name).read_text("utf-8"))
        found += [f"{name}: {match.group()}" for match in BRITISH.finditer(text)]
    assert found == []
    assert BRITISH.findall("the colour of a metre, quantised by neighbours") != []
