"""tfl-depth: monocular metric depth on edge NPUs, from a trained network to millimeters.

`DepthRunner` runs a model, and `convert` makes one. The import of this package loads neither: a
name's module is imported when the name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfl_depth.lazy_names import lazy_names

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


__getattr__ = lazy_names(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
