"""An external delegate, loaded; and what its ways to fail mean."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from types import ModuleType
from typing import Any

from tfl_depth.errors import DelegateError
from tfl_depth.runtime.delegates.model_probe import printed_at_opening
from tfl_depth.runtime.delegates.probe import probe
from tfl_depth.runtime.delegates.selected import SelectedDelegate

# How long a delegate may take that is started once more, to hear why it does not start.
PROBE_S = 10.0
# What the interpreter says beside the reason.
_RESTORED = "Restored original execution plan after delegate application failure."
ENTRY_POINT = "tflite_plugin_create_delegate"


def load_delegate(selected: SelectedDelegate, package: ModuleType) -> Any:
    """Load a delegate's library and create the delegate.

    Args:
        selected: with a library.
        package: the interpreter package that will use it.

    Raises:
        DelegateError: the library is missing or no delegate, or it refuses to start.
    """
    os.environ.update(selected.environment)
    _expect_delegate(selected)
    try:
        return package.load_delegate(selected.library, selected.options)
    except ValueError as error:  # it returned NULL
        # Behind the package's own line, which names the library.
        said = str(error).partition("\n")[2].strip() or _printed(selected)
        raise DelegateError(
            f"The delegate {selected.name} does not start with the options "
            f"{selected.options} ({said}): check them, that the NPU's driver is loaded, and "
            "that nobody else holds the NPU."
        ) from error


def _printed(selected: SelectedDelegate) -> str:
    """What a delegate that gives no reason prints on standard error: it is started once more."""
    library = Path(str(selected.library))
    found = probe(library, selected.options, selected.environment, timeout_s=PROBE_S)
    return found.detail or "it does not say why"


def _expect_delegate(selected: SelectedDelegate) -> None:
    # The packages' own class finds out as well, but leaves half an object behind, whose end is
    # another error on the user's screen.
    try:
        library = ctypes.CDLL(str(selected.library))
    except OSError as error:
        raise DelegateError(
            f"The library {selected.library} of the delegate {selected.name} cannot be loaded "
            f"({error}): install it, and what it needs, for this processor."
        ) from error
    if not hasattr(library, ENTRY_POINT):
        raise DelegateError(
            f"{selected.library} is no TensorFlow Lite delegate (it has no {ENTRY_POINT}): give "
            "the library that the NPU's vendor names for TensorFlow Lite."
        )


def refusal_of_delegate(
    selected: SelectedDelegate, error: Exception, package: str, model: bytes
) -> DelegateError:
    """What to say where an interpreter with a delegate cannot be opened.

    Args:
        selected: the delegate.
        error: the interpreter's, which does not have what the delegate printed itself.
        package: of the interpreter.
        model: a .tflite file's bytes.
    """
    said = " ".join(str(error).replace(_RESTORED, "").split())
    printed = printed_at_opening(model, selected, package, timeout_s=PROBE_S)
    reasons = [said] if printed in said else [said, printed]
    reason = "; ".join(filter(None, reasons)) or "it does not say why"
    return DelegateError(
        f"The delegate {selected.name} cannot run this model ({reason}): check that the "
        "model is converted for it, and that its version fits the interpreter package."
    )
