"""Readers of a run's files. An error names the damaged file."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfl_depth.errors import DepthError

# The errors of JSON, CSV, HDF5 and Keras for damaged files.
_BROKEN = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    AttributeError,
    RecursionError,
    RuntimeError,
    csv.Error,
    zipfile.BadZipFile,
)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """A context for reading a file of a run.

    Raises:
        DepthError: it is missing or damaged.
    """
    try:
        yield
    except _BROKEN as error:
        why = (
            "it is missing"
            if isinstance(error, FileNotFoundError)
            else " ".join(f"{type(error).__name__}: {error}".split())
        )
        raise DepthError(
            f"Cannot resume the run in {path.parent}: its {path.name} is damaged "
            f"({why[:300]}). Put back a whole copy of it, or remove the folder and train again."
        ) from error


def read_best(path: Path) -> tuple[int, dict[str, float]]:
    """The best epoch and its metrics.

    Raises:
        DepthError: the file is missing or damaged.
    """
    with reading(path):
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return int(kept["epoch"]), {str(k): float(v) for k, v in kept["metrics"].items()}
