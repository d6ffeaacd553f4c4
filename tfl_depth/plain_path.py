"""Safe file names for libraries that misread some names or crash on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def plain_path(path: Path) -> Iterator[str]:
    """A name of a file for OpenCV's videos: the file's own or, as long as this lasts, a link's.

    A name that is not UTF-8 ends in a segmentation fault there, one with "%" is taken for a
    pattern of pictures, and one like "concat:a.avi" for an address. The file need not be there yet.
    """
    whole = path.absolute()
    if _is_plain(str(whole)):
        yield str(whole)
        return
    from tempfile import TemporaryDirectory  # few names need it, and it brings ten modules

    suffix = path.suffix if _is_plain(path.suffix) else ""
    with TemporaryDirectory(prefix="tfl-depth-") as folder:
        link = Path(folder, f"video{suffix}")
        link.symlink_to(whole)
        yield str(link)


def _is_plain(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:  # a byte that is no UTF-8 stands as a lone surrogate
        return False
    return "%" not in name
