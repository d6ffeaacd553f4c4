"""The last text that a board is sent: calls one function of the text before it.

The first argument is a JSON text: the function's name and its arguments. The answer is one line of
JSON. An error of the board's system is an answer as well: {"error": ...}.
"""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any


def answer(functions: Mapping[str, Callable[..., Any]]) -> None:
    """Run the operation in the first argument."""
    asked = json.loads(sys.argv[1])
    try:
        found = functions[asked.pop("do")](**asked)
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "")
        found = {"error": error.strerror or str(error), "errno": name}
    if found is not None:
        print(json.dumps(found))


if __name__ == "__main__":
    answer(globals())
