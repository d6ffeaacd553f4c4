"""A photo and its depth file before they are read, and the layouts that find them on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tfl_depth.data.depth_files import Reading
from tfl_depth.errors import DatasetError
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.listing import read_lines

# The split that is the whole folder, where a layout knows no splits of its own.
ALL = "all"

DepthReader = Callable[[Path], Reading]


@dataclass(frozen=True)
class Pair:
    """Two files that belong together; either may turn out to be missing.

    Attributes:
        name: unique within the split, and fit for a file's name.
        rgb: the photo.
        depth: the depth file, which `read_depth` takes.
        read_depth: raises DatasetError where the file is not what its layout says.
        intrinsics: of this photo's camera, where the layout knows more than its dataset.
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
    """One way in which a dataset lies on disk.

    Attributes:
        expects: the files it looks for, SPLIT standing for the split's name, for the error where
            none of a dataset's layouts fits.
        find: (folder, split) to its pairs, whole or broken; None where the folder is laid out
            otherwise or lacks the split.
    """

    expects: str
    find: Callable[[Path, str], list[Pair] | None]


def split_folder(folder: Path, split: str) -> Path:
    """The folder of a split: the one of its name, or all of `folder`."""
    return folder if split == ALL else folder / split


def frame_name(file: Path) -> str:
    """A name from a path within the split: `kitchen/00012.png` is `kitchen_00012`."""
    return "_".join(file.with_suffix("").relative_to(file.anchor).parts)


def read_rows(path: Path) -> list[list[str]]:
    """The words of each line, without comments (`#`) and empty lines.

    Raises:
        DatasetError: the file cannot be read.
    """
    return [line.split() for line in read_names(path) if not line.startswith("#")]


def read_names(path: Path) -> list[str]:
    """The names in a list, one a line, as they are.

    Raises:
        DatasetError: the file cannot be read.
    """
    try:
        return read_lines(path)
    except OSError as error:
        raise DatasetError(f"Cannot read the list {path}: {error}.") from error
