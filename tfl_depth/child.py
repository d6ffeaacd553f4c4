"""Commands that start Python processes, without code from the user's current folder.

`python -m` and `python -c` put the working directory first on `sys.path`, so that a `numpy.py`
there would be imported instead of numpy. Python 3.11 has the option -P for it; 3.10 has none.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

# The first line of code for -c, with which the entry is "" in every Python.
WITHOUT_FOLDER = "import sys; sys.path[:] = [each for each in sys.path if each]"
_MODULE = "import runpy; runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"


def run_code(code: str, *arguments: str | os.PathLike[str], flags: Sequence[str] = ()) -> list[str]:
    """Return a command that runs code. `sys` is imported, and `sys.argv[1:]` are the arguments.

    It needs the variables of `environment` to find the modules of this process.

    Args:
        code: in Python.
        arguments: for the code.
        flags: for Python, such as ("-W", "ignore").
    """
    given = [os.fspath(each) for each in arguments]
    return [sys.executable, *flags, "-c", f"{WITHOUT_FOLDER}\n{code}", *given]


def run_module(name: str, *arguments: str | os.PathLike[str]) -> list[str]:
    """Return a command that runs a module as `python -m`. It needs `environment` too."""
    return run_code(_MODULE, name, *arguments)


def run_alone(script: Path, *arguments: str) -> list[str]:
    """Return a command that runs a file that imports only the standard library."""
    # -I: without the user's folders; -S: without installed packages.
    return [sys.executable, "-I", "-S", str(script), *arguments]


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment, with the paths from which it imports modules.

    Args:
        more: other variables.
    """
    paths = [each for each in sys.path if Path(each).is_absolute()]
    # The path of a checkout that was found in the working directory.
    own = str(Path(__file__).resolve().parents[1])
    paths = paths if own in paths else [own, *paths]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **more}
