"""docs/api-stability.md lists the public modules. The reference shows their names alone."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
TABLE = re.findall(r"^\| (`.*?) \|", (DOCS / "api-stability.md").read_text("utf-8"), re.MULTILINE)
MODULES = re.findall(r"`([\w.]+)`", " ".join(TABLE))
# What is shown, with the members that a whole module is restricted to.
SHOWN = re.compile(r"^::: ([\w.]+)$((?:\n[ ].*)*)", re.MULTILINE)

# Types of fields that fill pages.
LONG = re.compile(r"NDArray|\bbytes\b|DepthMm|tuple\[(?:Path|PlacedOperator)")


def public_names() -> set[str]:
    return {name for module in MODULES for name in importlib.import_module(module).__all__}


@pytest.mark.parametrize("name", MODULES)
def test_public_module_has_what_it_lists(name: str) -> None:
    module = importlib.import_module(name)
    missing = [each for each in module.__all__ if not hasattr(module, each)]
    assert module.__all__ and not missing


# What Keras describes itself.
OF_KERAS = {"tfl_depth.data.batches", "tfl_depth.losses", "tfl_depth.models", "tfl_depth.training"}


@pytest.mark.parametrize("name", sorted({*MODULES} - OF_KERAS))
def test_every_object_of_a_public_class_is_one_line(name: str) -> None:
    """By a `__repr__` of its own; a generated one would print arrays, bytes and long lists."""
    module = importlib.import_module(name)
    for each in (getattr(module, public) for public in module.__all__):
        if not inspect.isclass(each) or issubclass(each, BaseException | tuple):
            continue
        assert each.__repr__ is not object.__repr__, each
        if dataclasses.is_dataclass(each):
            generated = each.__dataclass_params__.repr  # type: ignore[attr-defined]
            fields = [field for field in dataclasses.fields(each) if field.repr]
            long = [field.name for field in fields if LONG.search(str(field.type))]
            assert not (generated and long), (each, long)


def test_reference_shows_public_names_alone() -> None:
    names = public_names()
    for page in sorted((DOCS / "reference").glob("*.md")):
        for shown, options in SHOWN.findall(page.read_text("utf-8")):
            members = re.search(r"members: \[(.*)\]", options)
            of_module = members[1].split(", ") if members else [shown.rpartition(".")[2]]
            assert shown in MODULES or set(of_module) <= names, f"{page.name}: {shown}"
