"""The names of output files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from tfl_depth.errors import ImageError
from tfl_depth.runtime.inputs import Input, expand_input
from tfl_depth.runtime.live_source import shown

# Characters of an address that are allowed in file names.
LONGEST_STEM = 100


def expand(names: Sequence[str]) -> list[Input]:
    """The photos, videos and cameras in the order of `names`; see `expand_input`.

    Raises:
        ImageError: a folder or pattern has no file, or two inputs would write the same files.
    """
    inputs = [each for name in names for each in expand_input(name)]
    stems = Counter(output_stem(each) for each in inputs)
    twice = sorted(stem for stem, times in stems.items() if times > 1)
    if twice:
        raise ImageError(
            f"Several inputs have the name {twice[0]} and would write the same file. Run them "
            "separately."
        )
    return inputs


def output_stem(source: Input) -> str:
    """The start of the names of an input's outputs."""
    if isinstance(source, str):
        return re.sub(r"[^\w-]+", "_", shown(source)).strip("_")[:LONGEST_STEM]
    return f"camera{source}" if isinstance(source, int) else source.stem
