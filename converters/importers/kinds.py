"""Identifies the format of a network from its bytes, without heavy imports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tfl_depth.converters.importers import archives, hdf5, onnx_header
from tfl_depth.errors import ConversionError
from tfl_depth.zoo_folder import where_the_zoo_is

# "keras_model" is a model object.
Format = Literal["keras", "keras_model", "h5", "saved_model", "onnx", "pt2", "tflite"]
Framework = Literal["keras", "keras2", "tensorflow", "onnx", "pytorch", "tflite"]


@dataclass(frozen=True)
class Kind:
    """A format that can be imported, and the framework that runs it."""

    format: Format
    framework: Framework


TFLITE = Kind("tflite", "tflite")
SAVED_MODEL = Kind("saved_model", "tensorflow")
ONNX = Kind("onnx", "onnx")

FORMATS = ".keras, .h5, a SavedModel folder, .onnx, .pt2 (torch.export) and float .tflite"
_STATE_DICT = "It contains weights without a network (a state_dict)"
_HEAD = 64


def identify(path: Path) -> Kind:
    """Identify the format of a file or folder.

    Raises:
        ConversionError: it does not exist, is damaged, or has no network that can be imported. The
            text says how to export one.
    """
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise ConversionError(f"There is no model {path}.{where_the_zoo_is(path)}")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise ConversionError(f"Cannot read {path}: {error.strerror}.") from error
    return _file(path, head)


def _file(path: Path, head: bytes) -> Kind:
    if head[4:8] == b"TFL3":
        return TFLITE
    if head[:2] == b"PK":
        return Kind(*archives.identify_archive(path))
    if head[:8] == hdf5.SIGNATURE:
        return Kind("h5", hdf5.framework(path))
    _refuse_by_head(path, head)
    if onnx_header.is_onnx(path):
        return ONNX
    raise ConversionError(_unknown(path, head))


def _refuse_by_head(path: Path, head: bytes) -> None:
    """Refuse known formats without a network that can be imported."""
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        raise ConversionError(f"{path} is a pickle. {archives.PYTORCH_EXPORT}")
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 30:
        raise ConversionError(
            f"{path} is a .safetensors file. {_STATE_DICT}. {archives.PYTORCH_EXPORT}"
        )
    if path.name == "saved_model.pb":
        raise ConversionError(f"{path} is part of a SavedModel: pass its folder, {path.parent}.")


def _unknown(path: Path, head: bytes) -> str:
    if not head:
        return f"{path} is empty: copy it again."
    known = (".keras", ".h5", ".onnx", ".pt2", ".tflite")
    if path.suffix.lower() in known:
        return f"{path} is not a {path.suffix.lower()} file, or was cut short: copy it again."
    if path.suffix.lower() == ".pb":
        return f"{path} is a frozen TensorFlow graph or damaged: export a SavedModel folder."
    return f"{path} is of no known format. Expected one of {FORMATS}."


def _folder(path: Path) -> Kind:
    if (path / "saved_model.pb").is_file():
        return SAVED_MODEL
    if (path / "config.json").is_file() and (path / "model.weights.h5").is_file():
        raise ConversionError(
            f"{path} is an unzipped .keras file: zip its content again, for instance with "
            "`(cd FOLDER && zip -r ../model.keras .)`."
        )
    if any(path.glob("*.index")):
        raise ConversionError(
            f"{path} contains TensorFlow checkpoints, which are weights without a network: save "
            "the "
            'model with model.save("model.keras") or model.export("folder").'
        )
    raise ConversionError(
        f"{path} is a folder without saved_model.pb, so it is no SavedModel. Expected one of "
        f"{FORMATS}."
    )
