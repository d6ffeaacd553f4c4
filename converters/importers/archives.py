"""Networks in zip archives: .keras, .pt2, and PyTorch's files without a graph."""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tfl_depth.errors import ConversionError

if TYPE_CHECKING:
    from tfl_depth.converters.importers.kinds import Format, Framework

PYTORCH_EXPORT = (
    "Export a PyTorch network in Python first: "
    "`model.eval(); program = torch.export.export(model, (torch.rand(1, 3, H, W),)); "
    'torch.export.save(program, "model.pt2")`, and convert model.pt2.'
)
_ENCRYPTED = 0x1
# Largest size of a text file that is read from an archive. Malicious ones are larger.
_TEXT_LIMIT = 1 << 16


def identify_archive(path: Path) -> tuple[Format, Framework]:
    """Find the format and framework of a zip archive.

    Raises:
        ConversionError: it is damaged, encrypted, or holds no network that can be imported.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_encrypted(path, archive)
            found = _by_names(path, archive)
            _refuse_damaged(path, archive)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
    ) as error:
        raise ConversionError(_damaged(path)) from error
    return found


def _damaged(path: Path) -> str:
    return f"{path} is a damaged zip archive, or was cut short: copy it again."


def _refuse_encrypted(path: Path, archive: zipfile.ZipFile) -> None:
    if any(entry.flag_bits & _ENCRYPTED for entry in archive.infolist()):
        raise ConversionError(f"{path} is an encrypted zip archive: unlock it, and zip it again.")


def _refuse_damaged(path: Path, archive: zipfile.ZipFile) -> None:
    """Read the whole archive, which checks its checksums."""
    if archive.testzip() is not None:
        raise ConversionError(_damaged(path))


def _by_names(path: Path, archive: zipfile.ZipFile) -> tuple[Format, Framework]:
    names = set(archive.namelist())
    if {"config.json", "metadata.json"} <= names:
        return "keras", _keras_version(path, archive)
    # PyTorch puts everything into one folder with the file's original name.
    inner = {name.partition("/")[2] for name in names} | names
    if "serialized_exported_program.json" in inner or "models/model.json" in inner:
        return "pt2", "pytorch"
    raise ConversionError(_refusal(path, inner))


def _refusal(path: Path, inner: set[str]) -> str:
    if any(name.startswith("data/aotinductor/") for name in inner):
        return f"{path} is compiled for one machine (AOTInductor). {PYTORCH_EXPORT}"
    if "constants.pkl" in inner and any(name.startswith("code/") for name in inner):
        return f"{path} is a TorchScript file. {PYTORCH_EXPORT}"
    if "data.pkl" in inner:
        return f"{path} is a PyTorch checkpoint, weights without a network. {PYTORCH_EXPORT}"
    if any(name.rpartition("/")[2] == "saved_model.pb" for name in inner):
        return f"{path} is a zipped SavedModel: unzip it, and name the folder."
    return f"{path} is a zip archive, but neither a .keras file nor a .pt2 file."


def _keras_version(path: Path, archive: zipfile.ZipFile) -> Literal["keras", "keras2"]:
    """Return the Keras version that wrote the file: "keras" or "keras2"."""
    if archive.getinfo("metadata.json").file_size > _TEXT_LIMIT:
        raise ConversionError(_damaged(path))
    try:
        version = json.loads(archive.read("metadata.json"))["keras_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConversionError(_damaged(path)) from error
    return "keras2" if str(version).startswith("2.") else "keras"
