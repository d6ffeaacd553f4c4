"""One name, one thing: no two classes and no two modules of the package bear one name."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tfl_depth.tools.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
# The folders of the package; tfl_depth/ has links to the others, which rglob does not follow.
FOLDERS = ("converters", "runtime", "tfl_depth", "tools")


def modules() -> Iterator[Path]:
    """Files and folders by which the package is imported."""
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            yield path.parent if path.name == "__init__.py" else path


def is_command(path: Path) -> bool:
    """Whether it is a command, which may bear the name of the module that does its work."""
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
