"""7-Scenes as published: a folder a scene with seq-01/frame-000000.color.png and .depth.png.

TrainSplit.txt and TestSplit.txt name sequences (`sequence1` is seq-01). Depth is uint16
millimeters, 65535 = no reading (Shotton et al., CVPR 2013, and the dataset's page at Microsoft
Research).
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from tfl_depth.data.depth_files import read_png
from tfl_depth.data.pairs import ALL, Layout, Pair, read_rows
from tfl_depth.errors import DatasetError

# Far beyond the sensor's range: whatever lies here is the mark, also where a tool has resized it.
MISSING_FROM_MM = 60000
_read = partial(read_png, per_meter=1000, missing_from=MISSING_FROM_MM)


def _find(folder: Path, split: str) -> list[Pair] | None:
    sequences = _sequences(folder, split)
    if not sequences:
        return None
    return [pair for sequence in sequences for pair in _frames(sequence)]


def _sequences(folder: Path, split: str) -> list[Path]:
    if split == ALL:
        return sorted(folder.glob("seq-*"))
    names = folder / f"{split.capitalize()}Split.txt"
    if names.is_file():
        return [folder / _folder_name(word, names) for row in read_rows(names) for word in row]
    return [folder / split] if split.startswith("seq-") and (folder / split).is_dir() else []


def _folder_name(word: str, names: Path) -> str:
    match = re.fullmatch(r"sequence(\d+)", word)
    if match is None:
        raise DatasetError(f"Expected sequences like sequence1 in {names}, got {word!r}.")
    return f"seq-{int(match[1]):02}"


def _frames(sequence: Path) -> list[Pair]:
    frames = {path.name.split(".")[0] for path in sequence.glob("frame-*.*.png")}
    if not frames:
        raise DatasetError(f"The sequence {sequence} is missing or empty.")
    return [
        Pair(
            f"{sequence.name}_{frame}",
            sequence / f"{frame}.color.png",
            sequence / f"{frame}.depth.png",
            _read,
        )
        for frame in sorted(frames)
    ]


SEQUENCES = Layout(
    "TrainSplit.txt, TestSplit.txt and seq-NN/frame-NNNNNN.color.png with .depth.png", _find
)
