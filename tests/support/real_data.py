"""The data that the project is developed with, where it is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

VARIABLE = "TFL_DEPTH_DATA"
BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[3] / "shared" / "data"


def real_data(dataset: str) -> Path:
    """The folder of a dataset, from $TFL_DEPTH_DATA or ../shared/data; the test skips without."""
    folder = Path(os.environ.get(VARIABLE) or BESIDE_THE_CHECKOUT) / dataset
    if not folder.is_dir():
        pytest.skip(f"{dataset} is not here: set {VARIABLE} to the folder that holds it")
    return folder
