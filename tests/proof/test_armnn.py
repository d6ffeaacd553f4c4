"""Arm NN's CpuAcc on an emulated aarch64 (make board-test)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support import ramp
from tfl_depth.proof import ENGINES

pytestmark = pytest.mark.skipif(
    ENGINES["armnn"].how_to_install is not None, reason="Needs Arm NN: make board-test-armnn."
)


def test_a_ramp_has_the_bytes_of_the_reference(models: Path) -> None:
    """Every depth from 0 to 15 m."""
    model = (models / ramp.file_name("15m-1m")).read_bytes()
    with ENGINES["reference"].open(model) as reference, ENGINES["armnn"].open(model) as engine:
        expected, found = reference.run(ramp.image()), engine.run(ramp.image())
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
