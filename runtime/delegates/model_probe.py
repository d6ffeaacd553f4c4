"""The text that a delegate prints when it refuses a model, read in a separate process."""

from __future__ import annotations

import json
import tempfile

from tfl_depth.child import environment, run_code
from tfl_depth.runtime.delegates.sandbox import run_sandboxed
from tfl_depth.runtime.delegates.selected import SelectedDelegate

# Only the standard library and the interpreter are imported, so that nothing else prints.
_CHILD = """
import importlib, json
package, library, options, model = sys.argv[1:]
module = importlib.import_module(package)
try:
    delegate = module.load_delegate(library, json.loads(options))
    module.Interpreter(model_path=model, experimental_delegates=[delegate]).allocate_tensors()
except Exception:
    pass
"""


def printed_at_opening(
    model: bytes, selected: SelectedDelegate, package: str, *, timeout_s: float
) -> str:
    """Open a model with a delegate again, and read standard error.

    Args:
        model: a .tflite file's bytes.
        selected: the delegate, with a library.
        package: the interpreter package that refused.
        timeout_s: time limit of the process, in seconds.

    Returns:
        The last line, or "".
    """
    with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
        file.write(model)
        file.flush()
        options = json.dumps(dict(selected.options))
        command = run_code(_CHILD, package, str(selected.library), options, file.name)
        ended = run_sandboxed(command, environment(**selected.environment), timeout_s=timeout_s)
    return ended.last_words
