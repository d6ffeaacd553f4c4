"""Tables and paragraphs of documents that commands write from result files."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from tfl_depth.errors import DatasetError
from tfl_depth.files import write_whole

END = "<!-- end of figures -->\n"


def with_table(document: str, name: str, table: str, *, by: str = "make figures") -> str:
    """Put a table into a document, between the marks with its name and its command.

    Raises:
        DatasetError: the marks are missing.
    """
    before, _old, after = _around_table(document, name, by)
    return before + table + after


def table_in(document: str, name: str, *, by: str = "make figures") -> str:
    """Return the table that `with_table` would replace.

    Raises:
        DatasetError: the marks are missing.
    """
    return _around_table(document, name, by)[1]


def _around_table(document: str, name: str, by: str) -> tuple[str, str, str]:
    mark = f"<!-- figures: {name}, by {by} -->\n"
    before, begin, rest = document.partition(mark)
    old, end, after = rest.partition(END)
    if not (begin and end):
        raise DatasetError(f"The document has no marks for its table {name!r}.")
    return before + begin, old, end + after


def write_table(document: Path, name: str, table: str, *, by: str = "make figures") -> None:
    """Put a table into a document's file; see `with_table`."""
    made = with_table(document.read_text(encoding="utf-8"), name, table, by=by)
    write_whole(document, made.encode())


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def joined_parts(parts: Iterable[str]) -> str:
    """Join parts to a document. Paragraphs and items of lists are wrapped at 100 columns."""
    return "\n\n".join(map(_filled, parts)) + "\n"


def _filled(text: str) -> str:
    if text.startswith(("#", "!", "|", "```")) or "\n\n" in text:
        return text
    return textwrap.fill(
        text,
        100,
        subsequent_indent="  " if text.startswith("- ") else "",
        break_long_words=False,
        break_on_hyphens=False,
    )
