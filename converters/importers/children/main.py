"""Runs in another environment, without tfl_depth: answers requests, a line of JSON each.

    python -I main.py MODULE

A request names a function of MODULE.py and its arguments. The answer holds its result, or why there
is none: "refused" is for the user as it stands, "error" is what a package raised.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any


def serve(module: Any) -> None:
    """Answer until the parent closes the pipe."""
    # What packages print on standard output goes to standard error.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        for line in _requests():
            request = json.loads(line)
            json.dump(_answer(module, request["do"], request["with"]), answers)
            answers.write("\n")
            answers.flush()


def _requests() -> Any:
    """Lines of standard input; where it ends, the process ends, whatever it does."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield lines.get()


def _answer(module: Any, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"result": getattr(module, name)(**arguments)}
    except module.Refused as refused:
        return {"refused": str(refused)}
    except (Exception, SystemExit) as error:
        import traceback

        traceback.print_exc()
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = f"{type(error).__name__}: {lines[0][:500]}" if lines else ""
        return {"error": "" if isinstance(error, SystemExit) else said or type(error).__name__}


def package() -> None:
    """Make this folder importable as the package `children`, and nothing else of where it lies."""
    folder = Path(__file__).parent
    spec = importlib.util.spec_from_file_location(
        "children", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None:
        raise ImportError("children")
    sys.modules["children"] = importlib.util.module_from_spec(spec)


if __name__ == "__main__":
    package()
    serve(importlib.import_module(f"children.{sys.argv[1]}_child"))
