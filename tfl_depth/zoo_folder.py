"""The zoo: its networks by name, and the files of each that are ready to use.

The folder `zoo` comes with the repository. The installed package has none; the environment variable
TFL_DEPTH_ZOO names one.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfl_depth.errors import ModelFileError

ENVIRONMENT = "TFL_DEPTH_ZOO"
# Files of an entry: the checkpoint, the float network with weights in float16, and the model.
CHECKPOINT, FLOAT, INT8 = "model.keras", "float.tflite", "int8.tflite"
METRICS = "metrics.json"


@dataclass(frozen=True)
class ZooEntry:
    """A network of the zoo.

    Attributes:
        folder: with its files.
    """

    folder: Path

    @property
    def name(self) -> str:
        """With the size of its input: lite0-nyu-192x256."""
        return self.folder.name

    @property
    def short_name(self) -> str:
        """Without the size: lite0-nyu."""
        return re.sub(r"-\d+x\d+$", "", self.name)

    def is_called(self, name: str) -> bool:
        """Whether it has this name, with or without its size."""
        return name in (self.name, self.short_name)

    @property
    def metrics(self) -> dict[str, Any]:
        """What metrics.json holds."""
        document: dict[str, Any] = json.loads((self.folder / METRICS).read_bytes())
        return document

    @property
    def ready(self) -> tuple[Path, ...]:
        """Its .tflite files."""
        return tuple(sorted(self.folder.glob("*.tflite")))


def zoo_folder() -> Path:
    """The folder of TFL_DEPTH_ZOO, or the one of the checkout that this code is in."""
    given = os.environ.get(ENVIRONMENT)
    return Path(given) if given else Path(__file__).resolve().parents[1] / "zoo"


def zoo_entries() -> list[ZooEntry]:
    """All networks of the zoo, by name; none where there is no folder."""
    return [ZooEntry(path.parent) for path in sorted(zoo_folder().glob(f"*/{METRICS}"))]


def zoo_entry(name: str) -> ZooEntry:
    """The network of a name, with or without its size.

    Raises:
        ModelFileError: there is none, or several.
    """
    entries = zoo_entries()
    if not entries:
        raise ModelFileError(
            f"There is no zoo at {zoo_folder()}. It comes with tfl-depth's repository, not with "
            f"its package: clone it, and set {ENVIRONMENT} to its folder zoo."
        )
    found = [entry for entry in entries if entry.is_called(name)]
    if len(found) != 1:
        names = ", ".join(entry.name for entry in found or entries)
        raise ModelFileError(f"Expected one network of the zoo ({names}), got {name!r}.")
    return found[0]


def named_model(model: str | os.PathLike[str]) -> Path:
    """The INT8 file of a network of the zoo, or the path as it is.

    Args:
        model: a path, or the name of a network of the zoo where no such file exists.

    Raises:
        ModelFileError: several networks have the name.
    """
    path, name = Path(model), str(os.fspath(model))
    if path.exists() or not any(each.is_called(name) for each in zoo_entries()):
        return path
    return zoo_entry(name).folder / INT8


def expect_made(model: Path) -> None:
    """Refuse the INT8 file of a network of the zoo that has none yet.

    Raises:
        ModelFileError: it is missing.
    """
    if model.name == INT8 and model.parent.parent == zoo_folder() and not model.exists():
        name = model.parent.name
        raise ModelFileError(
            f"{name} has no INT8 file in the zoo yet: make it with `tfl-depth zoo make {name}`."
        )


def where_the_zoo_is(path: Path) -> str:
    """A sentence to add to an error about a missing file, where its path is one of the zoo's."""
    if "zoo" not in path.parts:
        return ""
    return (
        " The zoo's checkpoints come with tfl-depth's repository, not with its package: clone it, "
        "and name the file there."
    )
