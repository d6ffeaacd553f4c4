"""docs/api-stability.md lists the public modules. The reference shows their names alone."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
TABLE = re.findall(r"^\| (`.*?) \|", (DOCS / "api-stability.md").read_text("utf-8"), re.MULTILINE)
MODULES = re.findall(r"`([\w.]+)`", " ".join(TABLE))
# What is shown, with the members that a whole module is restricted to.
SHOWN = re.compile(r"^::: ([\w.]+)$((?:\n[ ].*)*)", re.MULTILINE)


def public_names() -> set[str]:
    return {name for module in MODULES for name in importlib.import_module(module).__all__}


@pytest.mark.parametrize("name", MODULES)
def test_public_module_has_what_it_lists(name: str) -> None:
    module = importlib.import_module(name)
    missing = [each for each in module.__all__ if not hasattr(module, each)]
    assert module.__all__ and not missing


def test_reference_shows_public_names_alone() -> None:
    names = public_names()
    for page in sorted((DOCS / "reference").glob("*.md")):
        for shown, options in SHOWN.findall(page.read_text("utf-8")):
            members = re.search(r"members: \[(.*)\]", options)
            of_module = members[1].split(", ") if members else [shown.rpartition(".")[2]]
            assert shown in MODULES or set(of_module) <= names, f"{page.name}: {shown}"
