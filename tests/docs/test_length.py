"""README.md is a page: words outside code blocks and tables."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README_WORDS = 600
# Comments, code blocks, table rows, addresses of links, tags.
LEFT_OUT = re.compile(
    r"<!--.*?-->|^ *```.*?^ *```|^ *\|.*?$|(?<=\])\([^)]*\)|<[^>]+>", re.MULTILINE | re.DOTALL
)
WORD = re.compile(r"[^\W_][\w'.-]*")


def words(text: str) -> int:
    return len(WORD.findall(LEFT_OUT.sub(" ", text)))


def test_what_counts_as_a_word() -> None:
    text = "Two words, [a link](docs/page.md) <b>here</b>.\n\n| a | b |\n\n```sh\nls -l\n```\n"
    assert words(text) == 5


def test_the_readme_is_short() -> None:
    assert 200 < words((ROOT / "README.md").read_text(encoding="utf-8")) <= README_WORDS
