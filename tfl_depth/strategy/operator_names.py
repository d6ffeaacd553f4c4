"""Short names of operators for tables and pictures. The importers' names are long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

LONGEST = 36


def short_names(names: Sequence[str]) -> dict[str, str]:
    """A short, unique name for each.

    TensorFlow's converter joins the names of all fused operators, such as
    "model/block/conv/BiasAdd;model/block/conv/Conv2D;...". The short name is the first of them
    without the common prefix.
    """
    parts = {name: name.split(";")[0].strip("/").split("/") for name in names}
    prefix = _usual_prefix(list(parts.values()))
    shown = {name: _without(each, prefix)[-LONGEST:] or name for name, each in parts.items()}
    counts = Counter(shown.values())
    numbers: Counter[str] = Counter()
    for name, short in shown.items():
        if counts[short] > 1:
            numbers[short] += 1
            shown[name] = f"{short} ({numbers[short]})"
    return shown


def _usual_prefix(found: Sequence[Sequence[str]]) -> list[str]:
    """The longest common prefix of more than half of them, without their last parts."""
    prefix: list[str] = []
    while True:
        place = len(prefix)
        next_parts = Counter(
            parts[place]
            for parts in found
            if list(parts[:place]) == prefix and len(parts) > place + 1
        )
        if not next_parts or next_parts.most_common(1)[0][1] <= len(found) / 2:
            return prefix
        prefix.append(next_parts.most_common(1)[0][0])


def _without(parts: Sequence[str], prefix: Sequence[str]) -> str:
    begins = list(parts[: len(prefix)]) == list(prefix)
    return "/".join(parts[len(prefix) :] if begins else parts)
