"""The samples of a split, read from disk one by one, and a check for broken ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, overload

import cv2
import numpy as np
import numpy.typing as npt

from tfl_depth.data.crops import Crop
from tfl_depth.data.pairs import Pair
from tfl_depth.data.registration import Registration
from tfl_depth.data.samples import Sample
from tfl_depth.data.turns import Turn, read_turned
from tfl_depth.errors import DatasetError, ImageError
from tfl_depth.intrinsics import Intrinsics

T = TypeVar("T")
# An error or a warning names at most so many broken pairs. It counts all.
NAMED = 5


@dataclass(frozen=True)
class FrameReader:
    """Reads a pair by its dataset's rules.

    Attributes:
        min_depth_m, max_depth_m: readings outside are not valid (open interval).
        crop: the valid part of the image, or None for all.
        intrinsics: of the photos, for pairs without their own.
        camera_size: (height, width) of the photos that `intrinsics` are for.
        registration: projects depth to the photo's camera; None if it is registered on disk.
    """

    min_depth_m: float
    max_depth_m: float
    crop: Crop | None
    intrinsics: Intrinsics | None
    camera_size: tuple[int, int] | None
    registration: Registration | None

    def __call__(self, pair: Pair) -> Sample:
        """Read both files.

        Raises:
            DatasetError: one is missing, unreadable, or of a wrong kind or size, or no reading is
                valid. The text begins with the pair's name.
        """
        try:
            return self._read(pair)
        except DatasetError as error:
            raise DatasetError(f"{pair.name}: {error}") from error
        except cv2.error as error:  # OpenCV raises if a header declares too large an image
            raise DatasetError(f"{pair.name}: an image is unreadable ({error.err})") from error

    def _read(self, pair: Pair) -> Sample:
        for kind, path in (("rgb", pair.rgb), ("depth", pair.depth)):
            if not path.is_file():
                raise DatasetError(f"its {kind} file {path.name} is missing")
        try:
            bgr, turn = read_turned(pair.rgb)
        except ImageError as error:
            raise DatasetError(f"its rgb image cannot be used: {error}") from error
        depth_m, marked = pair.read_depth(pair.depth)
        # A depth file has no orientation in EXIF: it fits the photo's stored pixels. If its size
        # fits the rotated photo, it was rotated already.
        if depth_m.shape == turn.stored_size:
            depth_m = turn(depth_m)
        if depth_m.shape != bgr.shape[:2]:
            raise DatasetError(f"expected its depth as {bgr.shape[:2]}, got {depth_m.shape}")
        if self.registration is not None:
            depth_m = self.registration(depth_m)
        valid = self._valid(depth_m)
        if not valid.any():
            raise DatasetError("it has no valid depth")
        rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
        return Sample(pair.name, rgb, depth_m, valid, self._camera(pair, turn), marked)

    def _camera(self, pair: Pair, turn: Turn) -> Intrinsics | None:
        """The camera in pixels of the upright photo."""
        camera, size = pair.intrinsics, pair.camera_size
        if camera is None:
            camera, size = self.intrinsics, self.camera_size
        if camera is None:
            return None
        if size is not None and size != turn.stored_size:
            camera = camera.at_size(size, turn.stored_size)
        return turn.camera(camera)

    def _valid(self, depth_m: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        valid = (depth_m > self.min_depth_m) & (depth_m < self.max_depth_m)
        return valid if self.crop is None else valid & self.crop.mask(*depth_m.shape)


class Frames(Sequence[Sample]):
    """A split that stays on disk: each access reads a frame.

    Raises:
        DatasetError: on access, if a frame has become unreadable.
    """

    def __init__(self, pairs: Sequence[Pair], read: FrameReader) -> None:
        self._pairs = pairs
        self._read = read

    def __repr__(self) -> str:
        return f"<Frames {len(self)} on disk>"

    def __len__(self) -> int:
        return len(self._pairs)

    @property
    def files(self) -> list[Path]:
        """The photo and the depth file of each frame, in order."""
        return [file for pair in self._pairs for file in (pair.rgb, pair.depth)]

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Frames: ...
    def __getitem__(self, index: int | slice) -> Sample | Frames:
        if isinstance(index, slice):
            return Frames(self._pairs[index], self._read)
        return self._read(self._pairs[index])


def each_whole(
    pairs: Sequence[Pair], make: Callable[[Pair], T], where: Path, *, skip_broken: bool
) -> list[T]:
    """Call `make` for every pair, and return the results in their order.

    Args:
        pairs: the pairs.
        make: raises DatasetError for a broken pair; called from several threads.
        where: the folder, for the error.
        skip_broken: skip broken pairs with a warning instead of an error.

    Raises:
        DatasetError: there are broken pairs (the text has their count and the first names), or all
            pairs are broken.
    """

    def attempt(pair: Pair) -> T | DatasetError:
        try:
            return make(pair)
        except DatasetError as error:
            return error

    with ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(attempt, pairs))
    broken = [outcome for outcome in outcomes if isinstance(outcome, DatasetError)]
    whole = [outcome for outcome in outcomes if not isinstance(outcome, DatasetError)]
    if broken:
        found = f"{len(broken)} of {len(pairs)} pairs in {where} are broken: {_first(broken)}"
        if not (skip_broken and whole):
            raise DatasetError(f"{found}. Repair them, or skip them (skip_broken).")
        # 3: the caller of load_split or open_split.
        warnings.warn(f"Skipped: {found}.", stacklevel=3)
    return whole


def _first(broken: Sequence[DatasetError]) -> str:
    more = ["..."] if len(broken) > NAMED else []
    return "; ".join([*map(str, broken[:NAMED]), *more])
