"""tfl-depth: monocular metric depth on edge NPUs, from a trained network to millimeters.

`DepthRunner` runs a model, and `convert` makes one. The import of this package loads neither: a
name's module is imported when the name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfl_depth.camera import Camera, FieldOfView
    from tfl_depth.converters.converting import convert
    from tfl_depth.errors import DepthError
    from tfl_depth.runtime import DepthRunner

__version__ = "0.1.0"

__all__ = ["Camera", "DepthError", "DepthRunner", "FieldOfView", "convert"]

_MODULES = {
    "Camera": "camera",
    "FieldOfView": "camera",
    "DepthError": "errors",
    "DepthRunner": "runtime",
    "convert": "converters",
}


def __getattr__(name: str) -> Any:
    """Import the module of a name when the name is used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
