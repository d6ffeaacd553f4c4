"""The interpreter packages, and how a model is opened in one of them."""

from __future__ import annotations

import importlib
import importlib.util
import os
import traceback
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

from tfl_depth.errors import DelegateRequiredError, InterpreterError
from tfl_depth.runtime.delegates.coverage import DelegateCoverage, read_coverage
from tfl_depth.runtime.delegates.selected import SelectedDelegate

# A board's own tflite_runtime comes first, since the board's delegate was built for it.
PACKAGES = (
    "tflite_runtime.interpreter",
    "ai_edge_litert.interpreter",
    "tensorflow.lite.python.interpreter",
)


class Opened(NamedTuple):
    """An interpreter that is ready to invoke, and where its operators run."""

    interpreter: Any
    coverage: DelegateCoverage


def open_interpreter(
    model: bytes,
    *,
    num_threads: int | None = None,
    xnnpack: bool = True,
    reference: bool = False,
    package: str | None = None,
) -> Any:
    """Open a model on the CPU, as `open_with_delegate` without a delegate."""
    return open_with_delegate(
        model,
        None,
        num_threads=num_threads,
        xnnpack=xnnpack,
        reference=reference,
        package=package,
    ).interpreter


def open_with_delegate(
    model: bytes,
    delegate: SelectedDelegate | None,
    *,
    num_threads: int | None = None,
    xnnpack: bool = True,
    reference: bool = False,
    package: str | None = None,
) -> Opened:
    """Open a model in the first installed interpreter package, ready to invoke.

    The delegate takes its operators when the interpreter is created. XNNPACK takes operators at the
    allocation, so it gets only the remaining ones.

    Args:
        model: a .tflite file's bytes.
        delegate: runs operators instead of the CPU; None for the CPU alone.
        num_threads: for CPU kernels; None: all cores that this process may use.
        xnnpack: use XNNPACK's kernels instead of TensorFlow Lite's own.
        reference: use the reference kernels, which are slow and compute the same on every
            processor. `xnnpack` is then ignored.
        package: one of `PACKAGES`; None: the first one that is installed.

    Raises:
        InterpreterError: no package is installed, the package is broken, or it refuses the model.
        DelegateError: the delegate cannot be loaded, does not start, or refuses the model.
        DelegateRequiredError: the model has an NPU's custom operator that no delegate took.
    """
    if num_threads is not None and num_threads < 1:
        raise InterpreterError(f"Expected `num_threads` to be at least 1, got {num_threads}.")
    module = _import(package or next(_installed(), None))
    try:
        options = {
            "model_content": model,
            "num_threads": num_threads or len(os.sched_getaffinity(0)),
            "experimental_op_resolver_type": _resolver(
                module, xnnpack=xnnpack, reference=reference
            ),
        }
        return _opened(module, delegate, options)
    except (RuntimeError, ValueError, AttributeError) as error:
        # The traceback would keep the delegate, and so the NPU, in use.
        traceback.clear_frames(error.__traceback__)
        raise _refusal(error, module.__name__, delegate, model) from error


def open_unallocated(model: bytes) -> Any:
    """Open a model only to read its facts: it cannot be invoked, and nothing has to run it.

    Raises:
        InterpreterError: no package is installed, the package is broken, or it refuses the model.
    """
    module = _import(next(_installed(), None))
    try:
        return module.Interpreter(model_content=model)
    except (RuntimeError, ValueError, AttributeError) as error:
        raise _refusal(error, module.__name__, None, model) from error


def _resolver(module: ModuleType, *, xnnpack: bool, reference: bool) -> Any:
    resolvers = module.OpResolverType
    if reference:
        return resolvers.BUILTIN_REF
    return resolvers.AUTO if xnnpack else resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def _opened(
    module: ModuleType, delegate: SelectedDelegate | None, options: dict[str, Any]
) -> Opened:
    name = None if delegate is None else delegate.name
    loaded = None if delegate is None else [_loaded(delegate, module)]
    interpreter = module.Interpreter(experimental_delegates=loaded, **options)
    coverage = read_coverage(interpreter, name)
    interpreter.allocate_tensors()
    return Opened(interpreter, coverage)


def _loaded(delegate: SelectedDelegate, module: ModuleType) -> Any:
    # Without a delegate, no memory is spent on the import of what starts one in a process to test.
    from tfl_depth.runtime.delegates.load import load_delegate

    return load_delegate(delegate, module)


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
        # tflite_runtime 2.14 fails like this with numpy 2. The next package would run without the
        # board's delegate, and without an error.
        raise InterpreterError(
            f"{name} cannot be imported ({error}). tflite_runtime 2.14 needs numpy < 2. Otherwise "
            "install it again, or remove it."
        ) from error


def _refusal(
    error: Exception, package: str, delegate: SelectedDelegate | None, model: bytes
) -> InterpreterError:
    text = str(error)
    if "custom op" in text:
        operator = text.partition("custom op: ")[2].split(".")[0].strip()
        untaken = "" if delegate is None else f", and the delegate {delegate.name} did not take it"
        return DelegateRequiredError(
            f"The model is compiled for an NPU (operator '{operator}') and cannot run on the CPU"
            f"{untaken}. Pass the NPU's delegate, or use the portable model."
        )
    if delegate is not None:
        from tfl_depth.runtime.delegates.load import refusal_of_delegate  # as in _loaded

        return refusal_of_delegate(delegate, error, package, model)
    return InterpreterError(f"{package} refuses the model: {text}")
