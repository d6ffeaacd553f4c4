"""What MkDocs does not do by itself: pages from outside docs/.

The documents are read in a checkout too, so their links are those of the repository. Here README.md
becomes the first page, a notebook becomes a page with its stored outputs, and a source file that a
document links to becomes a page that shows it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs.scripts.command_reference import command_reference
from docs.scripts.notebook_page import NOTEBOOK, notebook_page, notebook_text

ROOT = Path(__file__).resolve().parent.parent
# Documents of the checkout's root, and the pages that they are here.
ROOT_PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGES.md": "changes.md",
}
# The mark in docs/reference/commands.md that the options of all commands take the place of.
COMMANDS = "<!-- commands -->"
FENCED = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")
LANGUAGES = {".py": "python", ".json": "json", ".cfg": "ini", ".js": "javascript"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the root's documents, and whatever of the checkout a document links to."""
    waiting = [
        *ROOT_PAGES,
        *(f"docs/{file.src_uri}" for file in files if file.src_uri.endswith((".md", NOTEBOOK))),
    ]
    for path in waiting:
        if files.get_file_from_path(page_of(path)) is None:
            for made in _generated(path, config):
                files.append(made)
        targets = (target for _, target in links(path, _written(path)))
        waiting += (t for t in targets if files.get_file_from_path(page_of(t)) is None)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn the repository's links into the site's."""
    path, here = path_of(page.file.src_uri), posixpath.dirname(page.file.src_uri)
    for link, target in set(links(path, markdown)):
        there = posixpath.relpath(page_of(target), here or ".")
        markdown = _outside_fences(markdown, f"]({link}", f"]({there}")
    if COMMANDS in markdown:
        markdown = markdown.replace(COMMANDS, command_reference())
    return markdown


def links(path: str, markdown: str) -> Iterator[tuple[str, str]]:
    """Each link of a document, and the file of the checkout that it names; others are left out."""
    for link in LINK.findall(FENCED.sub("", markdown)):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
        if (ROOT / target).is_file():
            yield link, target


def page_of(path: str) -> str:
    """What a file of the checkout is called here."""
    if path in ROOT_PAGES:
        return ROOT_PAGES[path]
    if path.startswith("docs/") and not path.endswith(".py"):
        return re.sub(rf"{re.escape(NOTEBOOK)}$", ".md", path.removeprefix("docs/"))
    return f"source/{path}" if path.endswith(".md") else f"source/{path}.md"


def path_of(page: str) -> str:
    """The other way: the file of the checkout that a page is."""
    root = {name: path for path, name in ROOT_PAGES.items()}
    if page in root:
        return root[page]
    if page.startswith("source/"):
        return page.removeprefix("source/")
    return f"docs/{page}"


def _written(path: str) -> str:
    """What a document's author wrote; nothing of another file."""
    if path.endswith(NOTEBOOK):
        return notebook_text(ROOT / path)
    return (ROOT / path).read_text("utf-8") if path.endswith(".md") else ""


def _generated(path: str, config: MkDocsConfig) -> Iterator[File]:
    """The page that a file of the checkout becomes, and a notebook's pictures."""
    if path.endswith(NOTEBOOK):
        page = notebook_page(ROOT / path)
        yield File.generated(config, page_of(path), content=page.markdown)
        folder = posixpath.dirname(page_of(path))
        for name, content in page.pictures.items():
            yield File.generated(config, f"{folder}/{name}", content=content)
        return
    text = (ROOT / path).read_text("utf-8")
    if not path.endswith(".md"):
        language = LANGUAGES.get(Path(path).suffix, "text")
        head = "---\nsearch:\n  exclude: true\nhide: [toc]\n---\n\n"
        text = f"{head}# `{path}`\n\n````{language}\n{text.rstrip()}\n````\n"
    elif page_of(path) == "index.md":
        text = f"---\nhide: [navigation]\n---\n\n{text}"
    yield File.generated(config, page_of(path), content=text)


def _outside_fences(markdown: str, old: str, new: str) -> str:
    """Replace a text where it is whole, up to a closing bracket or an anchor, and no code."""
    whole = re.compile(re.escape(old) + r"(?=[)#])")
    parts = FENCED.split(markdown)
    return "".join(p if FENCED.match(p) else whole.sub(lambda _: new, p) for p in parts)
