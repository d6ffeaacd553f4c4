"""What tools/infer is given: photos, folders, patterns, videos and cameras."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tfl_depth.errors import ImageError
from tfl_depth.runtime.preprocess import IMAGE_SUFFIXES

VIDEO_SUFFIXES = {".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mjpeg"}

# A photo's or a video's file, or a camera's number.
Input = Path | int


def expand(names: Sequence[str]) -> list[Input]:
    """Photos, videos and cameras, in the order of `names`.

    Args:
        names: files, folders (their photos, by name), patterns like 'photos/*.jpg', and camera:0.

    Raises:
        ImageError: a folder or a pattern gives nothing, or two inputs would write the same files.
    """
    inputs = [each for name in names for each in expand_one(name)]
    stems = [output_stem(each) for each in inputs]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise ImageError(
            f"Several inputs are called {twice[0]}, and would write the same file: give them apart."
        )
    return inputs


def is_video(source: Input) -> bool:
    """Whether it has frames: a video or a camera."""
    return isinstance(source, int) or source.suffix.lower() in VIDEO_SUFFIXES


def output_stem(source: Input) -> str:
    """What the names of an input's outputs begin with."""
    return f"camera{source}" if isinstance(source, int) else source.stem


def expand_one(name: str) -> Iterator[Input]:
    """What one name stands for; see `expand`."""
    path = Path(name)
    if camera := re.fullmatch(r"camera:(\d+)", name):
        yield int(camera[1])
    elif path.is_dir():
        photos = sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
        if not photos:
            raise ImageError(f"There is no photo ({', '.join(sorted(IMAGE_SUFFIXES))}) in {path}.")
        yield from photos
    elif glob.has_magic(name) and not path.exists():
        files = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - whose paths are relative
        if not files:
            raise ImageError(f"No file is called like {name}.")
        yield from map(Path, files)
    else:
        yield path
