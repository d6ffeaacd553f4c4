"""The documentation site: it builds strictly, its links lead somewhere, it says what is so."""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

from docs.scripts.command_reference import LEFT_OUT
from tests.docs.test_public_api import MODULES
from tests.support.browser import Browser, chromium
from tests.support.site import ROOT, built_site
from tfl_depth import errors
from tfl_depth.format.contract import Contract
from tfl_depth.format.contract_parts import (
    Calibration,
    GoldenSpread,
    Normalization,
    Source,
    TrainedCamera,
    ZoomResponse,
)
from tfl_depth.recipes import RECIPES
from tfl_depth.tools.cli import COMMANDS

DOCS = ROOT / "docs"
TROUBLESHOOTING = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SOURCES = ("tfl_depth", "converters", "runtime", "tools")


class Page(HTMLParser):
    """What a page refers to, and what can be referred to in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.references: list[str] = []
        self.names: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value is not None:
                self.references.append(value)
            if name == "id" and value is not None:
                self.names.add(value)


@cache
def page(path: Path) -> Page:
    return Page(path)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


def pages() -> list[Path]:
    return sorted(built_site().rglob("*.html"))


# The built site


def test_it_has_the_pages_of_the_repository() -> None:
    names = {str(path.relative_to(built_site())) for path in pages()}
    assert names > {
        "index.html",
        "contributing.html",
        "boards/index.html",
        "reference/runtime.html",
    }
    # A source file that a document links to, as a page.
    assert "source/tfl_depth/targets.py.html" in names


def test_every_link_and_anchor_inside_leads_somewhere() -> None:
    # 404.html is served for any address: its links begin at the site's root.
    found = {path: page(path).references for path in pages() if path.name != "404.html"}
    assert len(found) > 40
    assert not [
        f"{path.name}: {reference}"
        for path, references in found.items()
        for reference in references
        if not leads_somewhere(path, reference)
    ]


def leads_somewhere(path: Path, reference: str) -> bool:
    """Whether a reference of a page is one to another place, or to what is there."""
    parts = urlsplit(reference)
    if parts.scheme or parts.netloc:
        return True
    target, anchor = urldefrag(unquote(reference))
    file = (path.parent / target).resolve() if target else path
    if anchor and file.suffix == ".html":
        return file.exists() and anchor in page(file).names
    return file.exists()


def test_no_page_loads_anything_from_elsewhere(browser: Browser) -> None:
    loaded = re.compile(r"<(?:script|img|iframe|link)[^>]*(?:src|href)=\"?(?:https?:)?//[^>]*>")
    for path in pages():
        assert not loaded.findall(path.read_text(encoding="utf-8")), path
    for name in ("index.html", "split.html", "reference/runtime.html"):
        browser.open((built_site() / name).as_uri())
        browser.wait_for("document.readyState === 'complete'")
        assert browser.problems() == [], name


def test_the_search_works_where_pages_are_opened_as_files(browser: Browser) -> None:
    browser.open((built_site() / "index.html").as_uri())
    browser.find("input[data-md-component=search-query]").send_keys("thermometer")
    found = "document.querySelector('.md-search-result__link')?.href"
    assert "split.html" in browser.wait_for(found)
    assert browser.problems() == []


# Where wide things are: tables, code, pictures, signatures.
WIDE = (
    "index",
    "benchmark",
    "contract",
    "deploy",
    "placement",
    "boards/index",
    "reference/runtime",
)


@pytest.mark.parametrize("name", WIDE)
def test_a_page_is_no_wider_than_a_phone(browser: Browser, name: str) -> None:
    browser.open((built_site() / f"{name}.html").as_uri(), width=360)
    assert browser.script("return document.documentElement.scrollWidth") <= 360


def test_the_commands_page_has_every_option() -> None:
    text = (built_site() / "reference" / "commands.html").read_text(encoding="utf-8")
    for name in COMMANDS:
        _, _, section = text.partition(f'<h2 id="{name}"')
        section = section.partition("<h2 ")[0]
        parser = importlib.import_module(f"tfl_depth.tools.{name}")._parser()
        for action in parser._actions:
            options = set(action.option_strings)
            # The page tells once of what all commands have.
            if action.help == argparse.SUPPRESS or options & {*LEFT_OUT}:
                continue
            assert all(f"<code>{option}" in section for option in options), (name, options)


def public_objects() -> list[str]:
    """The anchor of each public class and function."""
    objects = [
        getattr(module, name)
        for module in map(importlib.import_module, MODULES)
        for name in module.__all__
    ]
    ours = [
        each
        for each in objects
        if inspect.isroutine(each) or inspect.isclass(each)
        if each.__module__.startswith("tfl_depth.")
    ]
    return sorted({f"{each.__module__}.{each.__qualname__}" for each in ours})


def test_the_reference_has_every_public_class_and_function() -> None:
    shown = {
        name for path in (built_site() / "reference").glob("*.html") for name in page(path).names
    }
    assert len(public_objects()) > 80
    assert not set(public_objects()) - shown


# What the pages say


def error_classes() -> list[type]:
    found = [each for _, each in inspect.getmembers(errors, inspect.isclass)]
    return [each for each in found if each.__module__ == errors.__name__]


@pytest.mark.parametrize("each", error_classes(), ids=lambda each: each.__name__)
def test_each_error_has_its_entry(each: type) -> None:
    assert f"\n### {each.__name__}\n" in TROUBLESHOOTING


def messages() -> list[tuple[str, str]]:
    """An error's name, and the beginning of a row of its table."""
    rows = []
    for section in TROUBLESHOOTING.split("\n### ")[1:]:
        name = section.partition("\n")[0]
        rows += [(name, text) for text in re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)]
    return rows


@cache
def texts() -> str:
    """Every text in the sources, as it is joined there; {} for what is filled in."""

    def text(node: ast.AST) -> str:
        if isinstance(node, ast.Constant):
            return str(node.value)
        if isinstance(node, ast.JoinedStr):
            return "".join(map(text, node.values))
        return "{}"

    nodes: Iterator[ast.AST] = (
        node
        for folder in SOURCES
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )
    return "\n".join(text(node) for node in nodes if isinstance(node, ast.Constant | ast.JoinedStr))


def test_there_are_messages() -> None:
    assert len(messages()) > 50


@pytest.mark.parametrize(("name", "message"), messages())
def test_messages_are_those_of_the_sources(name: str, message: str) -> None:
    assert message in texts()


def test_all_recipes_are_told_of() -> None:
    told = (DOCS / "recipes.md").read_text(encoding="utf-8").partition("## All of them")[2]
    assert {name for name in RECIPES if f"`{name}`" in told} == set(RECIPES)


def test_every_field_of_the_contract_is_specified() -> None:
    figures = dict.fromkeys(("median_mm", "mean_mm", "p95_mm", "max_mm", "wrap_share"), 1.0)
    contract = Contract(
        tool="",
        precision="int8",
        head="split",
        edges_m=(0.0, 1.0),
        input_name="pixels",
        height=1,
        width=1,
        normalization=Normalization((1.0,) * 3, (0.0,) * 3),
        source=Source("keras", "", 0.0),
        calibration=Calibration(1, "", 0),
        verification={"against": "", "images": 1, **figures},
        golden=GoldenSpread(1, 1.0, 1.0, 1.0),
        camera=TrainedCamera(1.0, 1.0, 0.0, 0.0, ZoomResponse(1, (2.0,), (1.0,), obeys=False)),
    )
    specified = (DOCS / "contract.md").read_text(encoding="utf-8")
    for name in fields(json.loads(contract.to_json("0" * 64))):
        assert f"| `{name}` |" in specified


def fields(document: dict[str, object], prefix: str = "") -> Iterator[str]:
    for name, value in document.items():
        if isinstance(value, dict) and name not in ("outputs",):
            yield from fields(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_in_documents_imports_what_there_is(document: Path) -> None:
    for block in PYTHON.findall(document.read_text(encoding="utf-8")):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tfl_depth"):
                module = importlib.import_module(node.module or "")
                assert all(hasattr(module, alias.name) for alias in node.names), block


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_made_has_its_target(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"(?:`|^)make ([a-z][\w/-]*(?:\.complete)?)", text, re.MULTILINE):
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), target


def test_the_code_to_deploy_is_that_of_the_example() -> None:
    example = (DOCS / "examples" / "deploy_your_own.py").read_text(encoding="utf-8")
    blocks = PYTHON.findall((DOCS / "deploy.md").read_text(encoding="utf-8"))
    assert len(blocks) == 2
    assert not [block for block in blocks if block not in example]


# What commands make


def test_the_drawings_are_what_their_program_draws(tmp_path: Path) -> None:
    make_pictures = importlib.import_module("docs.scripts.make_pictures")
    assert make_pictures.main([str(tmp_path)]) == 0
    drawn = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert drawn == {path.name: path.read_bytes() for path in (DOCS / "images").glob("*.svg")}


def test_the_placement_report_is_that_of_its_result_file() -> None:
    make_placement = importlib.import_module("docs.scripts.make_placement")
    reports = json.loads(make_placement.RESULTS.read_text(encoding="utf-8"))["reports"]
    document = make_placement.DOCUMENT.read_text(encoding="utf-8")
    assert make_placement.with_blocks(document, reports) == document
