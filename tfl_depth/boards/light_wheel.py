"""A small wheel of the running package with only the files that a board needs.

The same files give the same bytes: a board that has them gets nothing again.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import tfl_depth
from tfl_depth.boards.board_facts import OLDEST_PYTHON
from tfl_depth.errors import BoardError

# The files of the package that run on a board.
PATTERNS = (
    "*.py",
    *("boards/**/*.py", "diagnostics/*.py", "format/*.py", "proof/*.py", "runtime/**/*.py"),
    *("tools/*.py", "tools/lib/*.py"),
)
_EPOCH = (1980, 1, 1, 0, 0, 0)
_WHEEL = "Wheel-Version: 1.0\nGenerator: tfl-depth\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def wheel_name() -> str:
    """The file's name."""
    return f"tfl_depth-{tfl_depth.__version__}-py3-none-any.whl"


@cache
def light_wheel() -> bytes:
    """The wheel."""
    files = {f"tfl_depth/{name}": path.read_bytes() for name, path in _package_files()}
    info = f"tfl_depth-{tfl_depth.__version__}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: tfl-depth\nVersion: {tfl_depth.__version__}\n"
    metadata += f"Requires-Python: >={'.'.join(map(str, OLDEST_PYTHON))}\n"
    files |= {f"{info}/METADATA": metadata.encode(), f"{info}/WHEEL": _WHEEL.encode()}
    record = "".join(f"{name},{_hash(content)},{len(content)}\n" for name, content in files.items())
    return _zip({**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode()})


def pure_packages(names: Sequence[str]) -> bytes:
    """Pure Python packages of this machine, for a board that lacks them.

    Raises:
        BoardError: one is not installed on this machine.
    """
    files: dict[str, bytes] = {}
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            raise BoardError(f"{name} is not installed here: pip install {name}.")
        folder = Path(spec.submodule_search_locations[0])
        files |= {
            f"{name}/{path.relative_to(folder)}": path.read_bytes()
            for path in sorted(folder.rglob("*.py"))
        }
    return _zip(files)


def _package_files() -> Iterator[tuple[str, Path]]:
    """The name below tfl_depth/ and the path of each Python file."""
    (root,) = map(Path, tfl_depth.__path__)
    for pattern in PATTERNS:
        for path in sorted(root.glob(pattern)):
            yield str(path.relative_to(root)), path


def _hash(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()
    return f"sha256={digest.rstrip('=')}"


def _zip(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return made.getvalue()
