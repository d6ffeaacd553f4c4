"""The format is told from bytes, before anything heavy is imported."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from tests.converters.importers.networks import small_tflite
from tfl_depth.converters.importers import Kind, identify, import_network
from tfl_depth.errors import ConversionError

ROOT = Path(__file__).resolve().parents[3]
Make = Callable[[Path], Path]


def archive(name: str, **files: str) -> Make:
    """A zip archive; `__` stands for a slash and `_dot_` for a dot in a file's name."""

    def make(folder: Path) -> Path:
        with zipfile.ZipFile(folder / name, "w") as made:
            for key, content in files.items():
                made.writestr(key.replace("__", "/").replace("_dot_", "."), content)
        return folder / name

    return make


def keras_archive(version: str) -> Make:
    metadata = json.dumps({"keras_version": version})
    return archive(
        "m.keras", metadata_dot_json=metadata, config_dot_json="{}", model_dot_weights_dot_h5="w"
    )


def hdf5(**attributes: str) -> Make:
    def make(folder: Path) -> Path:
        with h5py.File(folder / "m.h5", "w") as file:
            file.attrs.update(attributes)
        return folder / "m.h5"

    return make


def content(name: str, data: bytes) -> Make:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


def tree(*files: str) -> Make:
    def make(folder: Path) -> Path:
        for file in files:
            path = folder / "m" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
        return folder / "m"

    return make


def field(number: int, body: bytes) -> bytes:
    """A field of protobuf that holds bytes."""
    return bytes([number << 3 | 2, len(body)]) + body


# ir_version 8, producer_name, graph, opset_import.
ONNX = b"\x08\x08" + field(2, b"pytorch") + field(7, b"\x0a" * 100) + field(8, b"\x10\x11")


def cut(make: Make, share: float = 0.6) -> Make:
    def made(folder: Path) -> Path:
        path = make(folder)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        return path

    return made


def flipped(make: Make, found: bytes) -> Make:
    """Damage that content of an archive."""

    def made(folder: Path) -> Path:
        path = make(folder)
        path.write_bytes(path.read_bytes().replace(found, bytes(len(found)), 1))
        return path

    return made


def misnamed(folder: Path) -> Path:
    """An archive with a name that is said to be UTF-8 and is not."""
    path = archive("m.keras", ä="x")(folder)
    path.write_bytes(path.read_bytes().replace("ä".encode(), b"\xff\xff"))
    return path


def encrypted(folder: Path) -> Path:
    path = keras_archive("3.1.0")(folder)
    data = bytearray(path.read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(header) + flags] |= 1
    path.write_bytes(data)
    return path


PT2 = archive("m.pt2", m__models__model_dot_json="{}", m__archive_format="pt2")
OLD_PT2 = archive("m.pt2", serialized_exported_program_dot_json="{}", version="8.8")

KNOWN: dict[str, tuple[Make, Kind]] = {
    "keras 3": (keras_archive("3.15.1"), Kind("keras", "keras")),
    "keras 2": (keras_archive("2.15.0"), Kind("keras", "keras2")),
    "h5 of keras 3": (
        hdf5(keras_version="3.15.1", model_config="{}"),
        Kind("h5", "keras"),
    ),
    "h5 of keras 2": (
        hdf5(keras_version="2.15.0", model_config="{}"),
        Kind("h5", "keras2"),
    ),
    "pt2": (PT2, Kind("pt2", "pytorch")),
    "pt2 of older torch": (OLD_PT2, Kind("pt2", "pytorch")),
    "onnx": (content("m.onnx", ONNX), Kind("onnx", "onnx")),
    "saved model": (tree("saved_model.pb"), Kind("saved_model", "tensorflow")),
    "tflite": (content("m.tflite", small_tflite()), Kind("tflite", "tflite")),
    "tflite of another name": (content("m.bin", small_tflite()), Kind("tflite", "tflite")),
}


@pytest.mark.parametrize(("make", "kind"), KNOWN.values(), ids=KNOWN)
def test_kinds(make: Make, kind: Kind, tmp_path: Path) -> None:
    assert identify(make(tmp_path)) == kind


EXPORT = r"torch\.export\.save"
REFUSED: dict[str, tuple[Make, str]] = {
    "nothing": (lambda folder: folder / "m.keras", "There is no model"),
    "nothing in the zoo": (lambda folder: folder / "zoo" / "m.keras", "come with tfl-depth's repo"),
    "empty": (content("m.onnx", b""), "is empty: copy it again"),
    "text": (content("m.keras", b"hello"), r"is not a \.keras file, or was cut short"),
    "of no known format": (content("m.xyz", b"hello"), r"no known format\. Expected one of"),
    "frozen graph": (content("m.pb", b"\x0a\x01x"), "export a SavedModel folder"),
    "pickle": (content("m.pth", b"\x80\x02\x8a\x0al"), f"is a pickle.*{EXPORT}"),
    "safetensors": (
        content("m.safetensors", (40).to_bytes(8, "little") + b'{"a":1}'),
        f"state_dict.*{EXPORT}",
    ),
    "state_dict": (
        archive("m.pt", m__data_dot_pkl="x", m__data__0="x"),
        f"weights without a network.*{EXPORT}",
    ),
    "TorchScript": (
        archive("m.pt", m__data_dot_pkl="x", m__code__a_dot_py="x", m__constants_dot_pkl="x"),
        f"TorchScript.*{EXPORT}",
    ),
    "AOTInductor": (
        archive("m.pt2", m__data__aotinductor__model__a_dot_so="x"),
        f"AOTInductor.*{EXPORT}",
    ),
    "another archive": (archive("m.zip", notes_dot_txt="x"), r"neither a \.keras file nor a \.pt2"),
    "zipped SavedModel": (archive("m.zip", m__saved_model_dot_pb="x"), "unzip it"),
    "encrypted": (encrypted, "encrypted zip archive"),
    "archive with a name that is no text": (misnamed, "damaged zip archive"),
    "cut archive": (cut(keras_archive("3.1.0")), "damaged zip archive"),
    "flipped archive": (
        flipped(keras_archive("3.1.0"), b"keras_version"),
        "damaged zip archive",
    ),
    "metadata that is no JSON": (
        archive("m.keras", metadata_dot_json="[" * 9999, config_dot_json="{}"),
        "damaged zip archive",
    ),
    "cut h5": (cut(hdf5(model_config="x" * 9000)), "damaged HDF5 file"),
    "weights in h5": (hdf5(backend="tensorflow"), "weights without a network"),
    "onnx with a field of 2^63 bytes": (
        content("m.onnx", ONNX + b"\x3a" + 9 * b"\x80" + b"\x01"),
        "damaged ONNX file",
    ),
    "cut onnx": (cut(content("m.onnx", ONNX)), "damaged ONNX file"),
    "part of a SavedModel": (content("saved_model.pb", b"x"), "pass its folder"),
    "unzipped keras": (tree("config.json", "model.weights.h5"), r"unzipped \.keras file: zip"),
    "checkpoints": (tree("ckpt.index", "ckpt.data"), "weights without a network"),
    "photos": (tree("a.jpg"), "no SavedModel"),
}


@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED)
def test_refusals_are_one_sentence_that_says_what_to_do(
    make: Make, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConversionError, match=words) as refused:
        import_network(make(tmp_path))
    assert "\n" not in str(refused.value)


def test_an_object_that_is_no_network() -> None:
    with pytest.raises(ConversionError, match=r"Expected a path.*got builtins\.int"):
        import_network(3)


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    """Every format is told, and refused or not, before a framework is loaded."""
    paths = []
    for place, (make, _) in enumerate([*KNOWN.values(), *REFUSED.values()]):
        folder = tmp_path / str(place)
        folder.mkdir()
        paths.append(str(make(folder)))
    code = f"""
import sys
from pathlib import Path
from tfl_depth.converters.importers import identify
from tfl_depth.errors import ConversionError
for path in {paths}:
    try:
        identify(Path(path))
    except ConversionError:
        pass
print(sorted({{"tensorflow", "keras", "torch", "onnx", "onnxruntime"}} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
