"""Which interpreter package runs the model, and how it is opened."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from tfl_depth.errors import DelegateRequiredError, InterpreterError

# A board's own tflite_runtime comes first: its delegate was built against it.
PACKAGES = (
    "tflite_runtime.interpreter",
    "ai_edge_litert.interpreter",
    "tensorflow.lite.python.interpreter",
)


def open_interpreter(
    model: bytes,
    *,
    num_threads: int | None = None,
    xnnpack: bool = True,
    package: str | None = None,
) -> Any:
    """Open a model in the first interpreter package there is, ready to invoke.

    Args:
        model: a .tflite file's bytes.
        num_threads: for CPU kernels; None takes every core this process may use.
        xnnpack: use XNNPACK's kernels rather than TensorFlow Lite's own.
        package: one of `PACKAGES`, instead of the first that is installed.

    Raises:
        InterpreterError: no package is installed, one is installed but broken, or it refuses the
            model.
        DelegateRequiredError: the model holds an NPU's custom operator.
    """
    if num_threads is not None and num_threads < 1:
        raise InterpreterError(f"Expected `num_threads` to be at least 1, got {num_threads}.")
    module = _import(package or next(_installed(), None))
    try:
        resolvers = module.OpResolverType
        kernels = resolvers.AUTO if xnnpack else resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        interpreter = module.Interpreter(
            model_content=model,
            num_threads=num_threads or len(os.sched_getaffinity(0)),
            experimental_op_resolver_type=kernels,
        )
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError, AttributeError) as error:
        raise _refusal(error, module.__name__) from error
    return interpreter


def _installed() -> Iterator[str]:
    return (name for name in PACKAGES if importlib.util.find_spec(name.partition(".")[0]))


def _import(name: str | None) -> ModuleType:
    if name is None:
        raise InterpreterError(
            "No TensorFlow Lite interpreter is installed: pip install ai-edge-litert, or the "
            "board vendor's tflite_runtime."
        )
    try:
        return importlib.import_module(name)
    except (ImportError, SystemError, AttributeError) as error:
        # tflite_runtime 2.14, built for numpy 1, fails so under numpy 2. Taking the next package
        # instead would run without the board's delegate, and nobody would know.
        raise InterpreterError(
            f"{name} cannot be imported ({error}). tflite_runtime 2.14 needs numpy < 2; otherwise "
            "install it anew, or remove it."
        ) from error


def _refusal(error: Exception, package: str) -> InterpreterError:
    text = str(error)
    if "custom op" in text:
        operator = text.partition("custom op: ")[2].split(".")[0].strip()
        return DelegateRequiredError(
            f"The model is compiled for an NPU (operator '{operator}') and cannot run on the CPU: "
            "give that NPU's delegate, or take the portable model."
        )
    return InterpreterError(f"{package} refuses the model: {text}")
