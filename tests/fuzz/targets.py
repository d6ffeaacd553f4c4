"""What is fuzzed: each target reads any bytes, and raises nothing but its own kind of error."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tfl_depth.converters.importers import identify
from tfl_depth.data.depth_files import read_meters, read_png
from tfl_depth.data.pairs import read_rows
from tfl_depth.errors import DepthError
from tfl_depth.format import golden, signing
from tfl_depth.format.contract import Contract, read_contract
from tfl_depth.format.contract_place import find_metadata, with_digest
from tfl_depth.format.model_check import check_model
from tfl_depth.runtime.delegates.model_traits import read_model_traits
from tfl_depth.runtime.preprocess import decode_image

Target = Callable[[bytes], None]
# Of the network whose golden vectors are fuzzed: (height, width), and how many there are.
SIZE, IMAGES = (8, 12), 1
_, PUBLIC_KEY = signing.new_key_pair()
ARRAYS = (".npy", ".npz")
# The first byte chooses the format of a depth file.
DEPTH_SUFFIXES = (".png", *ARRAYS, ".tiff")


def fuzz_model(content: bytes) -> None:
    """A .tflite, with the digest that somebody who means harm would write."""
    _try(lambda: read_model_traits(content))
    _try(lambda: find_metadata(content, golden.METADATA_NAME))
    _try(lambda: signing.check_signature(content, PUBLIC_KEY))
    _try(lambda: check_model(content))
    _try(lambda: read_contract(with_digest(content)))


def fuzz_contract(content: bytes) -> None:
    """The JSON of a contract; what is accepted can be written again."""
    try:
        contract = Contract.from_json(content)
    except DepthError:
        return
    assert Contract.from_json(contract.to_json("0" * 64)) == contract


def fuzz_golden(content: bytes) -> None:
    """An archive of golden vectors."""
    _try(lambda: golden.Golden.from_zip(content, IMAGES, SIZE))


def fuzz_list(content: bytes) -> None:
    """A list of a dataset's frames."""
    with _file(content, ".txt") as path:
        _try(lambda: read_rows(path))


def fuzz_depth(content: bytes) -> None:
    """A depth file of any format."""
    suffix = DEPTH_SUFFIXES[content[0] % len(DEPTH_SUFFIXES)] if content else ".png"
    with _file(content[1:], suffix) as path:
        if suffix == ".png":
            _try(lambda: read_png(path, per_meter=1000))
        else:
            _try(lambda: read_meters(path))


def fuzz_photo(content: bytes) -> None:
    """A photo of any format."""
    _try(lambda: decode_image(content, "photo"))


def fuzz_network(content: bytes) -> None:
    """A file of any framework, of which the format is told."""
    with _file(content, ".network") as path:
        _try(lambda: identify(path))


TARGETS: dict[str, Target] = {
    "model": fuzz_model,
    "contract": fuzz_contract,
    "golden": fuzz_golden,
    "list": fuzz_list,
    "depth": fuzz_depth,
    "photo": fuzz_photo,
    "network": fuzz_network,
}


def _try(action: Callable[[], object]) -> None:
    try:
        action()
    except DepthError:
        return


@contextmanager
def _file(content: bytes, suffix: str) -> Iterator[Path]:
    """A file of this content, which is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"file{suffix}")
        path.write_bytes(content)
        yield path
