"""Loading of external delegates, and the errors of delegates."""

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

# Time limit for a second start of a delegate, which shows its error message.
PROBE_S = 10.0
# The interpreter's text next to the reason.
_RESTORED = "Restored original execution plan after delegate application failure."
ENTRY_POINT = "tflite_plugin_create_delegate"


def load_delegate(selected: SelectedDelegate, package: ModuleType) -> Any:
    """Load a delegate's library and create the delegate.

    Args:
        selected: the delegate, with a library.
        package: the interpreter package that will use it.

    Raises:
        DelegateError: the library is missing or not a delegate, or it does not start.
    """
    os.environ.update(selected.environment)
    _expect_delegate(selected)
    try:
        return package.load_delegate(selected.library, selected.options)
    except ValueError as error:  # it returned NULL
        # Without the package's own first line, which names the library.
        said = str(error).partition("\n")[2].strip() or _printed(selected)
        raise DelegateError(
            f"The delegate {selected.name} does not start with the options "
            f"{selected.options} ({said}). Check the options, that the NPU's driver is loaded, "
            "and that no other program uses the NPU."
        ) from error


def _printed(selected: SelectedDelegate) -> str:
    """Start a delegate again in another process, and return its text on standard error."""
    library = Path(str(selected.library))
    found = probe(library, selected.options, selected.environment, timeout_s=PROBE_S)
    return found.detail or "it gives no reason"


def _expect_delegate(selected: SelectedDelegate) -> None:
    # The packages' own class checks it too, but its half-made object then prints another error.
    try:
        library = ctypes.CDLL(str(selected.library))
    except OSError as error:
        raise DelegateError(
            f"The library {selected.library} of the delegate {selected.name} cannot be loaded "
            f"({error}). Install it and its dependencies for this processor."
        ) from error
    if not hasattr(library, ENTRY_POINT):
        raise DelegateError(
            f"{selected.library} is no TensorFlow Lite delegate (it has no {ENTRY_POINT}). Pass "
            "the library that the NPU's vendor provides for TensorFlow Lite."
        )


def refusal_of_delegate(
    selected: SelectedDelegate, error: Exception, package: str, model: bytes
) -> DelegateError:
    """Make the error of an interpreter that cannot be opened with a delegate.

    Args:
        selected: the delegate.
        error: of the interpreter, without the text that the delegate printed.
        package: the interpreter package.
        model: a .tflite file's bytes.
    """
    said = " ".join(str(error).replace(_RESTORED, "").split())
    printed = printed_at_opening(model, selected, package, timeout_s=PROBE_S)
    reasons = [said] if printed in said else [said, printed]
    reason = "; ".join(filter(None, reasons)) or "it gives no reason"
    return DelegateError(
        f"The delegate {selected.name} cannot run this model ({reason}). Check that the model "
        "is converted for it, and that its version fits the interpreter package."
    )
