"""Files of Keras and TensorFlow that are damaged anywhere: a network, or one sentence."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from tests.converters.importers.test_keras3 import net
from tests.support.length import length
from tfl_depth.converters.importers import import_network
from tfl_depth.converters.importers.keras_loading import load
from tfl_depth.errors import ConversionError

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")

MUTANTS = length(40, 2000)
Json = Any
VALUES: list[Json] = [None, -1, 0, 1.5, float("nan"), 10**30, 1 << 62, True, "", "\0", [], {}]


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return net()


@pytest.fixture(scope="module")
def whole(model: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model as net.keras, as net.h5 and as the SavedModel net."""
    folder = tmp_path_factory.mktemp("whole")
    model.save(folder / "net.keras")
    model.save(folder / "net.h5")
    model.export(str(folder / "net"), verbose=False)
    return folder


def expect_a_sentence_or_none(read: Callable[[Path], object], path: Path) -> bool:
    """Whether it is read; what is refused is refused by one line."""
    try:
        read(path)
    except ConversionError as error:
        assert str(path) in str(error)
        assert len(str(error).splitlines()) == 1
        return False
    return True


def damaged(content: bytes, random: np.random.Generator) -> bytes:
    """The content with up to three bits flipped, or cut short."""
    changed = bytearray(content)
    for place in random.integers(len(changed), size=int(random.integers(1, 4))):
        changed[int(place)] ^= 1 << int(random.integers(8))
    if random.random() < 0.2:
        del changed[int(random.integers(len(changed))) :]
    return bytes(changed)


def with_files(path: Path, target: Path, **contents: str | bytes) -> Path:
    """A .keras file whose files of these stems are others; its checksums are right."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            archive.writestr(name, contents.get(name.partition(".")[0], source.read(name)))
    return target


def config_of(path: Path) -> Json:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


def places(value: Json) -> Iterator[tuple[Any, Any]]:
    """Every entry of a JSON value: what holds it, and its key or number there."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


def test_any_value_of_a_configuration_may_be_another(whole: Path, tmp_path: Path) -> None:
    random, taken = np.random.default_rng(1), 0
    for _ in range(MUTANTS):
        config = config_of(whole / "net.keras")
        found = list(places(config))
        holder, key = found[int(random.integers(len(found)))]
        holder[key] = VALUES[int(random.integers(len(VALUES)))]
        path = with_files(whole / "net.keras", tmp_path / "m.keras", config=json.dumps(config))
        taken += expect_a_sentence_or_none(load, path)
    assert 0 < taken < MUTANTS


@pytest.mark.parametrize("name", ["net.keras", "net.h5"])
def test_any_bit_of_a_file_may_be_flipped(name: str, whole: Path, tmp_path: Path) -> None:
    content, taken = (whole / name).read_bytes(), 0
    for number in range(MUTANTS):
        (tmp_path / name).write_bytes(damaged(content, np.random.default_rng(number)))
        taken += expect_a_sentence_or_none(load, tmp_path / name)
    # HDF5 has no checksum, and much of this file is padding.
    assert taken < MUTANTS


def test_weights_in_an_archive_may_be_damaged(whole: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(whole / "net.keras") as archive:
        weights = archive.read("model.weights.h5")
    for number in range(MUTANTS):
        changed = damaged(weights, np.random.default_rng(number))
        path = with_files(whole / "net.keras", tmp_path / "m.keras", model=changed)
        expect_a_sentence_or_none(load, path)


def test_any_file_of_a_saved_model_may_be_damaged(whole: Path, tmp_path: Path) -> None:
    files = [path.relative_to(whole / "net") for path in (whole / "net").rglob("*.*")]
    for number in range(MUTANTS // 4):
        random = np.random.default_rng(number)
        folder = shutil.copytree(whole / "net", tmp_path / str(number))
        file = folder / files[number % len(files)]
        file.write_bytes(damaged(file.read_bytes(), random))
        expect_a_sentence_or_none(import_network, folder)


def deep_lists(whole: Path) -> str:
    return "[" * 100_000


def deep_objects(whole: Path) -> str:
    return 900 * '{"a":' + "1" + 900 * "}"


def filters(count: int) -> Callable[[Path], str]:
    def make(whole: Path) -> str:
        config = config_of(whole / "net.keras")
        config["config"]["layers"][2]["config"]["filters"] = count
        return json.dumps(config)

    return make


CONFIGURATIONS: dict[str, tuple[Callable[[Path], str], str]] = {
    "deep lists": (deep_lists, "damaged configuration"),
    "deep objects": (deep_objects, "Cannot load|damaged configuration"),
    "a number": (lambda _: "3", "damaged configuration"),
    "nothing": (lambda _: "null", "damaged configuration"),
    "a list": (lambda _: "[1]", "damaged configuration"),
    "2e9 filters": (filters(2_000_000_000), "OOM when allocating"),
    "1e18 filters": (filters(10**18), "more than 2"),
}


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(("make", "said"), CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_hostile_configurations(
    make: Callable[[Path], str], said: str, suffix: str, whole: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"m{suffix}"
    if suffix == ".keras":
        with_files(whole / "net.keras", path, config=make(whole))
    else:
        shutil.copy(whole / "net.h5", path)
        with h5py.File(path, "a") as file:
            file.attrs["model_config"] = make(whole)
    with pytest.raises(ConversionError, match=said) as refused:
        import_network(path)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("value", [5, [1, 2], b"\xff\xfe"], ids=repr)
def test_configuration_of_an_h5_that_is_no_text(value: Any, whole: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(whole / "net.h5", tmp_path))
    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = value
    with pytest.raises(ConversionError, match="damaged configuration"):
        import_network(path)
