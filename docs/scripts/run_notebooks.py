"""`make notebooks`: run a notebook's cells, and store what they print and show, as Jupyter does.

python -m docs.scripts.run_notebooks NOTEBOOK [--output FILE] [--environment torch]

The cells run in one namespace and in an empty folder. It needs no Jupyter. What only Jupyter has
(`%magic`, `display`) is not for these notebooks.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from docs.scripts.notebook_page import read_notebook
from tfl_depth.converters.importers.environments import ENVIRONMENTS, Environment, python_of
from tfl_depth.errors import ConversionError
from tfl_depth.files import write_whole
from tfl_depth.tools.lib import command_run
from tfl_depth.tools.lib.command_parser import make_parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = make_parser(
        "run_notebooks",
        "Run a notebook, and store what its cells print and show.",
        "make notebooks",
    )
    parser.add_argument("notebook", type=Path, metavar="NOTEBOOK")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where to (NOTEBOOK)")
    parser.add_argument(
        "--environment", choices=ENVIRONMENTS, help="whose packages the notebook imports as well"
    )
    options = parser.parse_args(argv)
    output = (options.output or options.notebook).resolve()
    return command_run.run(lambda: _run(options.notebook.resolve(), output, options.environment))


def _run(path: Path, output: Path, environment: str | None) -> None:
    if environment is not None:
        add_packages(ENVIRONMENTS[environment])
    notebook = read_notebook(path)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        run_cells(notebook)
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    write_whole(output, text.encode())


def add_packages(environment: Environment) -> None:
    """Make an importer's packages importable here, behind those of this Python.

    Raises:
        ConversionError: the environment cannot be created, or is of another Python.
    """
    python = python_of(environment)
    asked = "import sys, sysconfig; print(sys.version_info[:2], sysconfig.get_path('purelib'))"
    done = subprocess.run([python, "-I", "-c", asked], capture_output=True, text=True, check=True)
    version, _, folder = done.stdout.strip().rpartition(" ")
    if version != str(sys.version_info[:2]):
        raise ConversionError(
            f"Expected {environment.title} to have an environment of this Python "
            f"{sys.version_info[:2]}, got {version}: run the notebook with that version."
        )
    sys.path.append(folder)
    os.environ[environment.variable] = str(python)  # `convert` starts it as a process


def run_cells(notebook: dict[str, Any]) -> None:
    """Run the code cells in one namespace, and put into each what it printed and showed."""
    names: dict[str, Any] = {"__name__": "__main__"}
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for count, cell in enumerate(cells, start=1):
        cell["outputs"] = _outputs("".join(cell["source"]), names, count)
        cell["execution_count"] = count


def _outputs(source: str, names: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Run a cell. Its last line is shown if it is an expression with a value."""
    body = ast.parse(source).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    place = f"<cell {count}>"
    printed = io.StringIO()
    value = None
    with contextlib.redirect_stdout(printed):
        exec(compile(ast.Module(body, []), place, "exec"), names)  # noqa: S102 - our notebook
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), place, "eval"), names)  # noqa: S307
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": _lines(printed)})
    if value is not None:
        outputs.append(_shown(value, count))
    return outputs


def _shown(value: Any, count: int) -> dict[str, Any]:
    """A value as Jupyter stores it: its text, and its picture where it has one."""
    data: dict[str, Any] = {"text/plain": repr(value).splitlines(keepends=True)}
    png = getattr(value, "_repr_png_", lambda: None)()
    if png is not None:
        data["image/png"] = base64.b64encode(png).decode()
    return {
        "output_type": "execute_result",
        "execution_count": count,
        "data": data,
        "metadata": {},
    }


def _lines(printed: io.StringIO) -> list[str]:
    return printed.getvalue().splitlines(keepends=True)


if __name__ == "__main__":
    sys.exit(main())
