"""The process that `probe` starts. It creates a delegate and prints each step.

    python probe_child.py LIBRARY '{"option": "value"}'

It prints a line before each step, so that the last line shows where a library crashed or hung.
It imports only the standard library, so that nothing else can crash or hang.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Iterator

_Text = ctypes.POINTER(ctypes.c_char_p)
_OnError = ctypes.CFUNCTYPE(None, ctypes.c_char_p)
# The two functions of TensorFlow Lite's external delegates, from
# tensorflow/lite/delegates/external/external_delegate_interface.h.
_CREATE, _DESTROY = "tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate"


def steps(library: str, options: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Create and close a delegate. Yield each step before it is done, then the result."""
    yield "load", ""
    try:
        loaded = ctypes.CDLL(library)
    except OSError as error:
        yield "unloadable", str(error)
        return
    if not (hasattr(loaded, _CREATE) and hasattr(loaded, _DESTROY)):
        yield "no-delegate", f"it has no {_CREATE} and {_DESTROY}"
        return
    yield "create", ""
    delegate, said = _create(loaded, options)
    if not delegate:
        yield "refuses", said
        return
    yield "destroy", ""
    destroy = getattr(loaded, _DESTROY)
    destroy.argtypes, destroy.restype = [ctypes.c_void_p], None
    destroy(delegate)
    yield "works", ""


def _create(loaded: ctypes.CDLL, options: dict[str, str]) -> tuple[int | None, str]:
    """Return the address of a new delegate, or None and its messages."""
    said: list[str] = []
    on_error = _OnError(lambda text: said.append(text.decode(errors="replace")))
    texts = ctypes.c_char_p * len(options)
    create = getattr(loaded, _CREATE)
    create.argtypes, create.restype = [_Text, _Text, ctypes.c_size_t, _OnError], ctypes.c_void_p
    keys = texts(*(key.encode() for key in options))
    values = texts(*(value.encode() for value in options.values()))
    return create(keys, values, len(options), on_error), " ".join(said)


if __name__ == "__main__":
    # The library's own prints go to standard error.
    report = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for step in steps(sys.argv[1], json.loads(sys.argv[2])):
        print(json.dumps(step), file=report)
    # End now, without the exit handlers of the library.
    os._exit(0)
