"""README.md is a page, and the site a short book: words outside code blocks and tables."""

from __future__ import annotations

import re
from pathlib import Path

from docs.scripts.notebook_page import NOTEBOOK, notebook_text

ROOT = Path(__file__).resolve().parents[2]
README_WORDS, SITE_WORDS = 600, 20_000
# Comments, code blocks, table rows, addresses of links, tags.
LEFT_OUT = re.compile(
    r"<!--.*?-->|^ *```.*?^ *```|^ *\|.*?$|(?<=\])\([^)]*\)|<[^>]+>", re.MULTILINE | re.DOTALL
)
WORD = re.compile(r"[^\W_][\w'.-]*")


def words(text: str) -> int:
    return len(WORD.findall(LEFT_OUT.sub(" ", text)))


def written_pages() -> list[Path]:
    """The pages and notebooks for users: without a study's rows and a network's card, which
    commands write, and without CHANGES.md, CONTRIBUTING.md and the architecture, which are for
    developers."""
    docs = ROOT / "docs"
    pages = [path for path in docs.rglob("*.md") if path.parent.parent != docs / "strategy"]
    pages.remove(docs / "architecture.md")
    notebooks = docs.rglob(f"*{NOTEBOOK}")
    return [*pages, *notebooks, ROOT / "zoo" / "README.md", ROOT / "README.md"]


def text_of(page: Path) -> str:
    return notebook_text(page) if page.suffix == NOTEBOOK else page.read_text(encoding="utf-8")


def test_what_counts_as_a_word() -> None:
    text = "Two words, [a link](docs/page.md) <b>here</b>.\n\n| a | b |\n\n```sh\nls -l\n```\n"
    assert words(text) == 5


def test_the_readme_is_short() -> None:
    assert 200 < words((ROOT / "README.md").read_text(encoding="utf-8")) <= README_WORDS


def test_the_site_is_short() -> None:
    pages = written_pages()
    counts = {path: words(text_of(path)) for path in pages}
    assert len(counts) > 60
    assert sum(counts.values()) <= SITE_WORDS, sorted(counts, key=lambda path: -counts[path])[:10]
