"""The targets of `make fuzz` take their seeds and a few changes of each, in every run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS
from tests.support.length import length

CHANGES = length(60, 5000)


def changed(content: bytes, random: np.random.Generator) -> bytes:
    """Bytes changed, cut out or repeated."""
    damaged = bytearray(content)
    for _ in range(int(random.integers(1, 5))):
        first, last = sorted(int(place) for place in random.integers(0, len(damaged) + 1, 2))
        kind = random.integers(4)
        if kind == 0:
            del damaged[first : min(last, first + 16)]
        elif kind == 1:
            damaged[first:first] = damaged[first : min(last, first + 64)]
        else:
            damaged[first : first + 4] = random.bytes(int(random.integers(1, 5)))
    return bytes(damaged)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_raises_nothing_but_its_own_errors(name: str, models: Path) -> None:
    contents = seeds(name, models)
    assert contents
    for number, content in enumerate(contents):
        TARGETS[name](content)
        for change in range(CHANGES // len(contents) + 1):
            TARGETS[name](changed(content, np.random.default_rng([number, change])))
