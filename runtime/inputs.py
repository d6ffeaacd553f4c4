"""What a user names as input: photos, folders, patterns, videos, cameras and addresses."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from tfl_depth.errors import ImageError
from tfl_depth.listing import files_in
from tfl_depth.runtime.live_source import camera_number, is_live
from tfl_depth.runtime.preprocess import IMAGE_SUFFIXES
from tfl_depth.runtime.video import Video

VIDEO_SUFFIXES = frozenset(
    (
        *(".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".wmv", ".asf", ".flv", ".ogv"),
        *(".mpg", ".mpeg", ".vob", ".ts", ".mts", ".m2ts", ".mjpg", ".mjpeg"),
        *(".h264", ".264", ".h265", ".265", ".hevc"),
    )
)

# A photo's or a video's file, a camera's number, or a live source (`is_live`).
Input = Path | int | str


def is_video(source: Input) -> bool:
    """Whether it has frames: a video or a camera."""
    return not isinstance(source, Path) or source.suffix.lower() in VIDEO_SUFFIXES


def expand_input(name: str) -> Iterator[Input]:
    """What one name stands for.

    Args:
        name: a file, a folder (its photos, as `listing` says), a pattern like 'photos/*.jpg', a
            camera as 0 or camera:0, or a device, an address or a pipeline that `Video` opens.

    Raises:
        ImageError: a folder or a pattern has no file.
    """
    path = Path(name)
    if (camera := camera_number(name)) is not None:
        yield camera
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


def photos_of(source: str | os.PathLike[str]) -> list[Path]:
    """The photos of a folder or a pattern, or a photo itself.

    Raises:
        ImageError: it has no photo, or something else.
    """
    found = list(expand_input(_name(source)))
    photos = [each for each in found if isinstance(each, Path) and not is_video(each)]
    if len(photos) < len(found):
        raise ImageError(f"Expected photos, got {found[0]}: its frames are for `stream`.")
    return photos


def open_frames(source: int | str | os.PathLike[str]) -> Video | list[Path]:
    """Open what a stream is read from: photos as a list, all else as a video.

    Raises:
        ImageError: as `expand_input` and `Video`, or there are several videos.
    """
    if isinstance(source, int):
        return Video(source)
    found = list(expand_input(_name(source)))
    photos = [each for each in found if isinstance(each, Path) and _is_photo(each)]
    if len(photos) == len(found):
        return photos
    if len(found) > 1:
        raise ImageError(f"Expected photos or one video, got {len(found)} files: {source}.")
    return Video(found[0])


def _is_photo(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES


def _name(source: str | os.PathLike[str]) -> str:
    """The text of a source: a path is a file also where its name is a number."""
    return source if isinstance(source, str) else os.path.join(".", source)  # noqa: PTH118 - Path drops the dot
