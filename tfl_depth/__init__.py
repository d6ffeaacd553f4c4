"""tfl-depth: monocular metric depth on edge NPUs, from your network to millimeters."""

from __future__ import annotations

__version__ = "0.1.0"
