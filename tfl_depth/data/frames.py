"""The samples of a split, read from disk one by one, and the search for broken ones."""

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
# As many broken pairs as an error or a warning names; it counts all.
NAMED = 5


@dataclass(frozen=True)
class FrameReader:
    """Reads a pair by its dataset's rules.

    Attributes:
        min_depth_m, max_depth_m: readings outside are not valid (open interval).
        crop: what is valid, or None for all.
        intrinsics: of the photos, where the pair itself does not say.
        camera_size: (height, width) of the photos that `intrinsics` are for.
        registration: draws depth as the photo's camera sees it, or None where it is so on disk.
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
            DatasetError: one is missing, unreadable or of another kind or size than its partner,
                or no reading is valid; the text begins with the pair's name.
        """
        try:
            return self._read(pair)
        except DatasetError as error:
            raise DatasetError(f"{pair.name}: {error}") from error
        except cv2.error as error:  # OpenCV raises where a header asks for too much
            raise DatasetError(f"{pair.name}: an image is unreadable ({error.err})") from error

    def _read(self, pair: Pair) -> Sample:
        for kind, path in (("rgb", pair.rgb), ("depth", pair.depth)):
            if not path.is_file():
                raise DatasetError(f"its {kind} file {path.name} is missing")
        try:
            bgr, turn = read_turned(pair.rgb)
        except ImageError as error:
            raise DatasetError(f"its rgb image is unfit: {error}") from error
        depth_m, marked = pair.read_depth(pair.depth)
        # Depth has no orientation of its own: it is of the pixels as the photo stores them, unless
        # its size says that somebody has turned it already.
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
        """The camera in pixels of the photo as it is shown."""
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
    """A split that stays on disk: each access reads a frame anew.

    Raises:
        DatasetError: on access, a frame that has become unreadable.
    """

    def __init__(self, pairs: Sequence[Pair], read: FrameReader) -> None:
        self._pairs = pairs
        self._read = read

    def __len__(self) -> int:
        return len(self._pairs)

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
    """What `make` makes of every pair, in their order.

    Args:
        pairs: the pairs.
        make: raises DatasetError for a broken pair; called from several threads.
        where: the folder, for the error.
        skip_broken: leave broken pairs out and warn, rather than fail.

    Raises:
        DatasetError: broken pairs, counted and the first of them named; or nothing but these.
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
            raise DatasetError(f"{found}. Repair them, or leave them out on purpose (skip_broken).")
        # 3: the caller of load_split or open_split.
        warnings.warn(f"Left out: {found}.", stacklevel=3)
    return whole


def _first(broken: Sequence[DatasetError]) -> str:
    more = ["..."] if len(broken) > NAMED else []
    return "; ".join([*map(str, broken[:NAMED]), *more])
