"""A notebook with its stored outputs as a Markdown page; docs/hooks.py shows it.

The site shows what the last run stored, and runs nothing.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The suffix of a notebook's file.
NOTEBOOK = ".ipynb"


@dataclass(frozen=True)
class NotebookPage:
    """A page, and the pictures that it shows.

    Attributes:
        markdown: the page's text.
        pictures: PNG files, by their names.
    """

    markdown: str
    pictures: dict[str, bytes]


def notebook_page(path: Path) -> NotebookPage:
    """Read a notebook (.ipynb) of format 4."""
    pictures: dict[str, bytes] = {}
    parts = []
    for cell in read_notebook(path)["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else _fenced("python", source))
        for output in cell.get("outputs", ()):
            content = picture(output)
            if content is None:
                parts.append(_fenced("text", output_text(output).rstrip()))
                continue
            name = f"{path.stem}-{len(pictures) + 1}.png"
            pictures[name] = content
            parts.append(f"![{cell['metadata']['alt']}]({name})")
    title, rest = parts[0].split("\n", 1)
    file = f'<a href="{path.name}" download>The notebook</a>, as it was run last.'
    return NotebookPage("\n\n".join([title, file, rest.strip(), *parts[1:]]) + "\n", pictures)


def read_notebook(path: Path) -> dict[str, Any]:
    """A notebook's JSON document."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def notebook_text(path: Path) -> str:
    """What a notebook's author wrote, without its code and its outputs."""
    cells = read_notebook(path)["cells"]
    written = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return "\n\n".join(written)


def picture(output: dict[str, Any]) -> bytes | None:
    """The PNG file of a cell's output; None for another output."""
    encoded = output.get("data", {}).get("image/png")
    return None if encoded is None else base64.b64decode("".join(encoded))


def output_text(output: dict[str, Any]) -> str:
    """The text of a cell's output: what it printed, or its last value."""
    return "".join(output.get("text") or output["data"]["text/plain"])


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"
