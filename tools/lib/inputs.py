"""What tools/infer is given: photos, folders, patterns, videos, cameras and addresses."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tfl_depth.errors import ImageError
from tfl_depth.listing import files_in
from tfl_depth.runtime.live_source import is_live, shown
from tfl_depth.runtime.preprocess import IMAGE_SUFFIXES

VIDEO_SUFFIXES = frozenset(
    (
        *(".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".wmv", ".asf", ".flv", ".ogv"),
        *(".mpg", ".mpeg", ".vob", ".ts", ".mts", ".m2ts", ".mjpg", ".mjpeg"),
        *(".h264", ".264", ".h265", ".265", ".hevc"),
    )
)
# Characters of an address that are allowed in file names.
LONGEST_STEM = 100

# A photo's or a video's file, a camera's number, or a live source (`is_live`).
Input = Path | int | str


def expand(names: Sequence[str]) -> list[Input]:
    """Photos, videos and cameras, in the order of `names`.

    Args:
        names: files, folders (their photos, as `listing` says), patterns like 'photos/*.jpg',
            camera:0, and devices, addresses and pipelines that `Video` opens.

    Raises:
        ImageError: a folder or a pattern has no photo, or two inputs would write the same files.
    """
    inputs = [each for name in names for each in expand_one(name)]
    stems = Counter(output_stem(each) for each in inputs)
    twice = sorted(stem for stem, times in stems.items() if times > 1)
    if twice:
        raise ImageError(
            f"Several inputs have the name {twice[0]} and would write the same file. Run them "
            "separately."
        )
    return inputs


def is_video(source: Input) -> bool:
    """Whether it has frames: a video or a camera."""
    return not isinstance(source, Path) or source.suffix.lower() in VIDEO_SUFFIXES


def output_stem(source: Input) -> str:
    """What the names of an input's outputs begin with."""
    if isinstance(source, str):
        return re.sub(r"[^\w-]+", "_", shown(source)).strip("_")[:LONGEST_STEM]
    return f"camera{source}" if isinstance(source, int) else source.stem


def expand_one(name: str) -> Iterator[Input]:
    """What one name stands for; see `expand`."""
    path = Path(name)
    if camera := re.fullmatch(r"camera:(\d+)", name):
        yield int(camera[1])
    elif is_live(name):
        yield name
    elif path.is_dir():
        photos = files_in(path, IMAGE_SUFFIXES)
        if not photos:
            raise ImageError(f"There is no photo ({', '.join(sorted(IMAGE_SUFFIXES))}) in {path}.")
        yield from photos
    elif glob.has_magic(name) and not path.exists():
        files = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - whose paths are relative
        if not files:
            raise ImageError(f"There is no file {name}.")
        yield from map(Path, files)
    else:
        yield path
