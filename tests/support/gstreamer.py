"""GStreamer with its Python bindings: of `make gstreamer-test`, or the machine's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNPACKED = ROOT / "build" / "gstreamer" / "root" / "usr" / "lib"
NEEDED = """
import gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)
missing = [name for name in {names!r} if Gst.ElementFactory.find(name) is None]
assert not missing, f"GStreamer lacks {{missing}}"
"""


def gstreamer_environment(folder: Path, *elements: str) -> dict[str, str]:
    """Variables of a process that uses GStreamer; skips the test where there is none.

    Args:
        folder: for GStreamer's own record of its plugins.
        elements: what the test needs of GStreamer.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *_python_path()]),
        # PyGObject 3.42 imports its modules in an old way.
        "PYTHONWARNINGS": f"{os.environ['PYTHONWARNINGS']},ignore::ImportWarning",
        "GST_REGISTRY": str(folder / "registry.bin"),
        **_unpacked(),
    }
    done = subprocess.run(
        [sys.executable, "-c", NEEDED.format(names=elements)],
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1]
        pytest.skip(f"There is no GStreamer for this Python ({reason}): make gstreamer-test has.")
    return environment


def _python_path() -> list[str]:
    packages = UNPACKED / "python3" / "dist-packages"
    return [str(packages)] if packages.is_dir() else []


def _unpacked() -> dict[str, str]:
    """Where the unpacked libraries and plugins are."""
    for plugins in UNPACKED.glob("*-linux-*/gstreamer-1.0"):
        libraries = plugins.parent
        return {
            "LD_LIBRARY_PATH": str(libraries),
            "GI_TYPELIB_PATH": str(libraries / "girepository-1.0"),
            "GST_PLUGIN_SYSTEM_PATH": str(plugins),
            "GST_PLUGIN_SCANNER": str(
                libraries / "gstreamer1.0" / "gstreamer-1.0" / "gst-plugin-scanner"
            ),
        }
    return {}
