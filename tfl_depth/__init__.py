"""tfl-depth: monocular metric depth on edge NPUs, from a Keras model to millimetres."""

from __future__ import annotations

from pathlib import Path

__version__ = "0.1.0"

# In a checkout, converters/, runtime/ and tools/ lie beside this folder instead of inside it
# (setup.cfg maps them in when the package is built): look for subpackages there too.
_package = Path(__file__).resolve().parent
if not (_package / "runtime").is_dir():
    __path__.append(str(_package.parent))
