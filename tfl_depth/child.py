"""How a Python process is started: never with code from the folder that the user is in.

`python -m` and `python -c` put the working directory first on `sys.path`, so that a `numpy.py`
there would run in place of numpy. Python 3.11 has an option against it, -P, and 3.10 has none.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

# The entry is "" for -c, whatever the Python.
_WITHOUT_FOLDER = "import sys; sys.path[:] = [each for each in sys.path if each]"
_MODULE = "import runpy; runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"


def run_code(code: str, *arguments: str | os.PathLike[str], flags: Sequence[str] = ()) -> list[str]:
    """A command that runs code, which has `sys`, with `sys.argv[1:]` as given.

    It needs `environment`, to import what this process can.

    Args:
        code: in Python.
        arguments: for the code.
        flags: for Python, such as ("-W", "ignore").
    """
    given = [os.fspath(each) for each in arguments]
    return [sys.executable, *flags, "-c", f"{_WITHOUT_FOLDER}\n{code}", *given]


def run_module(name: str, *arguments: str | os.PathLike[str]) -> list[str]:
    """A command that runs a module as `python -m` does. It needs `environment` as well."""
    return run_code(_MODULE, name, *arguments)


def run_alone(script: Path, *arguments: str) -> list[str]:
    """A command that runs a file which imports nothing but the standard library."""
    # -I: nothing of the user's folders is imported; -S: nor of the installed packages.
    return [sys.executable, "-I", "-S", str(script), *arguments]


def environment(**more: str) -> dict[str, str]:
    """The variables of this process, with what lets another import what this one can.

    Args:
        more: variables beside them.
    """
    paths = [each for each in sys.path if Path(each).is_absolute()]
    # Of a checkout that this process has found in its working directory.
    own = str(Path(__file__).resolve().parents[1])
    paths = paths if own in paths else [own, *paths]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **more}
