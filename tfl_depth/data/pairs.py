"""Pairs of a photo and its depth file, and the layouts that find them on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tfl_depth.data.depth_files import Reading
from tfl_depth.errors import DatasetError
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.listing import read_lines

# The name of the split that is the whole folder, for layouts without splits.
ALL = "all"

DepthReader = Callable[[Path], Reading]


@dataclass(frozen=True)
class Pair:
    """Two files that belong together. One of them may be missing.

    Attributes:
        name: unique within the split, and valid as a file name.
        rgb: the photo.
        depth: the depth file.
        read_depth: reads `depth`. Raises DatasetError if the file is not as in its layout.
        intrinsics: of this photo's camera, if the layout has them.
        camera_size: (height, width) of the photos that `intrinsics` are for; None for this one's.
    """

    name: str
    rgb: Path
    depth: Path
    read_depth: DepthReader
    intrinsics: Intrinsics | None = None
    camera_size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Layout:
    """A layout of a dataset on disk.

    Attributes:
        expects: its files, with SPLIT for the split's name, for the error if no layout fits.
        find: (folder, split) to its pairs, including broken ones; None if the folder has another
            layout or does not have the split.
    """

    expects: str
    find: Callable[[Path, str], list[Pair] | None]


def split_folder(folder: Path, split: str) -> Path:
    """The folder of a split: the one of its name, or all of `folder`."""
    return folder if split == ALL else folder / split


def frame_name(file: Path) -> str:
    """Make a name from a path within the split: `kitchen/00012.png` is `kitchen_00012`."""
    return "_".join(file.with_suffix("").relative_to(file.anchor).parts)


def read_rows(path: Path) -> list[list[str]]:
    """The words of each line, without comments (`#`) and empty lines.

    Raises:
        DatasetError: the file cannot be read.
    """
    return [line.split() for line in read_names(path) if not line.startswith("#")]


def read_names(path: Path) -> list[str]:
    """The names in a list, one per line.

    Raises:
        DatasetError: the file cannot be read.
    """
    try:
        return read_lines(path)
    except OSError as error:
        raise DatasetError(f"Cannot read the list {path}: {error}.") from error
