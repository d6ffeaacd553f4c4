"""Models with one or a few fields changed, whose digest is right, opened and run one by one.

`outcomes` starts this file as a program that says what came of each; where one ends its process,
the next goes on behind it.
"""

from __future__ import annotations

import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfl_depth import tflite_tables as tables
from tfl_depth.contract_place import with_digest
from tfl_depth.errors import DepthError
from tfl_depth.runtime import DepthRunner

ROOT = Path(__file__).resolve().parents[2]


class Place(NamedTuple):
    """A number in the file.

    Attributes:
        at: its offset in bytes.
        kind: of it, as `struct` calls it.
        name: the schema's table and the number of the field in it.
    """

    at: int
    kind: str
    name: str


MOST_S = 20
INTEGERS = (0, -1, 1, 2, 3, 4, 7, 8, 16, 127, 128, 255, 256, 1 << 15, 1 << 24, (1 << 31) - 1)
FLOATS = (0.0, -1.0, float("nan"), float("inf"), 1e-45, 1e-31, 1e-20, 1e-6, 1.0, 1e6, 1e20, 3e38)
# Fields of numbers by table of the schema, and fields that hold tables: (field, schema's table).
MODEL = "Model"
NUMBERS: dict[str, dict[int, str]] = {
    MODEL: {0: "I"},
    "Code": {0: "b", 2: "i", 3: "i"},
    "Tensor": {1: "b", 2: "I", 5: "b"},
    "Quantization": {4: "B", 6: "i"},
    "Operator": {0: "I", 3: "B"},
    "Options": {0: "i", 1: "i", 2: "i", 3: "i", 4: "i", 5: "i", 6: "i"},
    "Buffer": {1: "Q", 2: "Q"},
    "Signature": {4: "I"},
    "Map": {1: "I"},
}
ARRAYS: dict[str, dict[int, str]] = {
    "Graph": {1: "i", 2: "i"},
    "Tensor": {0: "i"},
    "Quantization": {2: "f", 3: "q"},
    "Operator": {1: "i", 2: "i"},
}
LISTS: dict[str, dict[int, str]] = {
    MODEL: {1: "Code", 2: "Graph", 4: "Buffer", 7: "Signature"},
    "Graph": {0: "Tensor", 3: "Operator"},
    "Signature": {0: "Map", 1: "Map"},
}
CHILDREN: dict[str, dict[int, str]] = {
    "Tensor": {4: "Quantization"},
    "Operator": {4: "Options"},
}


def places(table: tables.Table, kind: str = MODEL) -> Iterator[Place]:
    """Every number that the structure of a .tflite file holds, and the length of every list."""
    for field, format_ in NUMBERS.get(kind, {}).items():
        if (place := _place(table, field, format_)) is not None:
            yield Place(place, format_, f"{kind}.{field}")
    for field, format_ in ARRAYS.get(kind, {}).items():
        size = struct.calcsize(format_)
        if (found := tables.span(table, field, size)) is not None:
            start, count = found
            yield Place(start - 4, "I", f"{kind}.{field}.length")
            name = f"{kind}.{field}"
            yield from (Place(start + size * k, format_, name) for k in range(count))
    for field, inner in LISTS.get(kind, {}).items():
        for each in tables.children(table, field):
            yield from places(each, inner)
    for field, inner in CHILDREN.get(kind, {}).items():
        if (child := tables.child(table, field)) is not None:
            yield from places(child, inner)


def _place(table: tables.Table, field: int, format_: str) -> int | None:
    try:
        return table.place(field, struct.calcsize(format_))
    except IndexError:  # an option that is shorter
        return None


def mutant(model: bytes, found: list[Place], seed: int) -> bytes:
    """The model with one to three numbers changed, and sometimes bits flipped anywhere."""
    random = np.random.default_rng(seed)
    changed = bytearray(model)
    for _ in range(int(random.integers(1, 4))):
        place = found[int(random.integers(len(found)))]
        content = _content(model, found, place, random)
        changed[place.at : place.at + len(content)] = content
    if random.random() < 0.2:
        for at in random.integers(0, len(changed), 3):
            changed[int(at)] ^= 1 << int(random.integers(8))
    try:
        return with_digest(bytes(changed))
    except DepthError:
        return bytes(changed)


def _content(model: bytes, found: list[Place], place: Place, random: np.random.Generator) -> bytes:
    """An extreme, a neighbor, or what another number of this kind is."""
    at, kind, _ = place
    size, way = struct.calcsize(kind), int(random.integers(3))
    if way == 0:
        others = [other.at for other in found if other.kind == kind]
        at = others[int(random.integers(len(others)))]
        return model[at : at + size]
    if kind == "f":
        near = struct.unpack_from("<f", model, at)[0] * 10.0 ** int(random.integers(-8, 9))
        return struct.pack("<f", near if way == 1 else FLOATS[int(random.integers(len(FLOATS)))])
    near = int.from_bytes(model[at : at + size], "little") + int(random.choice((-1, 1)))
    value = near if way == 1 else INTEGERS[int(random.integers(len(INTEGERS)))]
    return int(value % (1 << 8 * size)).to_bytes(size, "little")


def outcomes(model: Path, first: int, count: int) -> dict[int, str]:
    """What came of mutants `first` to before `first + count`, by number.

    "served", "refused: ...", "raw: ..." for an error that is none of ours, or "ended: ..." for the
    signal that ended the process.
    """
    found: dict[int, str] = {}
    number = first
    while number < first + count:
        arguments = [str(model), str(number), str(first + count - number)]
        done = subprocess.run(
            [sys.executable, "-m", "tests.support.mutants", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        lines = [line for line in done.stdout.splitlines() if line.partition(" ")[0].isdecimal()]
        for line in lines:
            which, _, said = line.partition(" ")
            found[int(which)] = said
        number += len(lines)
        if done.returncode > 0:
            raise RuntimeError(done.stderr)
        if done.returncode:
            found[number] = f"ended: {done.returncode} {done.stderr[-300:]}"
            number += 1
    return found


def main() -> None:
    """Say what comes of some mutants, one a line."""
    path, first, count = sys.argv[1:]
    model = Path(path).read_bytes()
    found = tables.read(model, lambda root: list(places(root)))
    for number in range(int(first), int(first) + int(count)):
        signal.alarm(MOST_S)
        try:
            content, xnnpack = mutant(model, found, number), number % 2 == 0
            with DepthRunner(content, num_threads=1, xnnpack=xnnpack) as runner:
                runner.infer(np.zeros((*runner.model_size, 3), np.uint8))
            said = "served"
        except DepthError as error:
            said = f"refused: {type(error).__name__} {' '.join(str(error).split())}"
        except Exception as error:
            said = f"raw: {type(error).__name__} {' '.join(str(error).split())}"
        print(number, said, flush=True)


if __name__ == "__main__":
    main()
