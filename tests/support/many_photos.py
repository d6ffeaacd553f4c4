"""Commands on many photos, and everything that they write, for comparison byte for byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tests.support.synthetic_data import write_dataset

# What no other process measures alike: the time of an inference.
TIMES = "time_of_float32"


def write_photos(folder: Path, photo: npt.NDArray[np.uint8], count: int) -> Path:
    """A folder of different photos."""
    folder.mkdir()
    for number in range(count):
        cv2.imwrite(str(folder / f"{number:04d}.png"), np.roll(photo, number, axis=1))
    return folder


def write_pairs(folder: Path, count: int) -> Path:
    """A dataset of so many pairs, most of them links to six."""
    write_dataset(folder, {"val": 6})
    names = [f"val{number}" for number in range(count)]
    for number, name in enumerate(names[6:]):
        for kind, ending in (("rgb", "jpg"), ("depth", "png")):
            (folder / kind / f"{name}.{ending}").symlink_to(f"val{number % 6}.{ending}")
    (folder / "val.txt").write_text("\n".join(names) + "\n")
    return folder


def evaluate_words(net: Path, pairs: Path, output: Path) -> list[str]:
    """Arguments of `evaluate` for all that it measures of pairs."""
    words = [str(net), "--dataset", "nyuv2", "--data", str(pairs), "--output", str(output)]
    return [*words, "--against", str(net), "--zooms", "0.7,1,1.4", "--json"]


def depth_files(folder: Path) -> dict[str, bytes]:
    """The files of `infer`."""
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def report_files(folder: Path) -> dict[str, bytes]:
    """The files of `evaluate`."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def study_results(folder: Path) -> dict[str, Any]:
    """What `strategy` has measured, without times."""
    (path,) = folder.glob("*/results.json")
    results: dict[str, Any] = json.loads(path.read_text())
    for each in results["experiments"].values():
        each.pop(TIMES)
    return results
