"""Shared parts of the commands: types of options, progress, and errors."""

from __future__ import annotations

import argparse
import atexit
import io
import json
import math
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import Any, TextIO

from absl import logging

from tfl_depth.errors import (
    ConversionWarning,
    DepthError,
    FallbackWarning,
    ModelFileError,
    SkippedImageWarning,
)
from tfl_depth.progress_bars import show_bar
from tfl_depth.quiet import library_log
from tfl_depth.tools.lib.command_parser import CommandParser, log_to_stderr, verbosity
from tfl_depth.tools.lib.printable import printable
from tfl_depth.zoo_folder import expect_made, named_model

# The original standard error: progress is printed there while `quiet` hides prints of libraries.
TERMINAL = os.fdopen(os.dup(2), "w", errors="backslashreplace")
atexit.register(TERMINAL.close)
# Warnings for the user of a command.
_LOGGED = (ConversionWarning, FallbackWarning, SkippedImageWarning)
# The extra of setup.cfg for each package. It is "train" for packages that are not listed.
EXTRAS = {
    "PIL": "view",
    "adbutils": "board",
    "asyncssh": "board",
    "cryptography": "sign",
    "distributed": "cluster",
    "ethosu": "convert",
    "joblib": "jobs",
    "keras": "convert",
    "matplotlib": "strategy",
    "ray": "cluster",
    "tensorflow": "convert",
    "waitress": "view",
    "werkzeug": "view",
}

# A process reads these variables when it starts. By default glibc returns freed blocks above
# 128 KiB to the kernel, which fills them with zeros for the next step: a training batch took 2.6 s,
# and 0.73 s with these variables (docs/decisions/002). TensorFlow uses its fast kernels by default
# only on newer processors (docs/decisions/004).
TRAINING_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "MALLOC_TOP_PAD_": str(2**28),
    "TF_ENABLE_ONEDNN_OPTS": "1",
}


def parser(program: str, description: str, example: str) -> CommandParser:
    """An argument parser in the style of all commands, with an example in its help."""
    made = CommandParser(program, description, example)
    made.add_logging()
    return made


def size(text: str) -> tuple[int, int]:
    """Read "192x256" as (height, width)."""
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected HEIGHTxWIDTH, like 192x256, got {text!r}")
    return int(match[1]), int(match[2])


def seconds(text: str) -> float:
    """Read a length of time above 0."""
    return _above_zero(text, "seconds")


def minutes(text: str) -> float:
    """Read a length of time above 0, in minutes."""
    return _above_zero(text, "minutes")


def meters(text: str) -> float:
    """Read a length above 0, in meters."""
    return _above_zero(text, "meters")


def _above_zero(text: str, unit: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected {unit} above 0, got {text!r}")
    return value


def numbers(text: str) -> tuple[float, ...]:
    """Read "0,1,2,4" as numbers."""
    try:
        return tuple(float(number) for number in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected numbers like 0,1,2,4, got {text!r}") from error


def count(text: str) -> int:
    """Read a whole number above 0."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def counts(text: str) -> tuple[int, ...]:
    """Read "20,10" as whole numbers above 0."""
    return tuple(count(each) for each in text.split(","))


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json for `tell`."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def tell(options: argparse.Namespace, result: Any, text: str) -> None:
    """Print the result of a command, as JSON with --json or as text."""
    print(json.dumps(result, indent=2) if options.json else printable(text))


def add_model_and_inputs(parser: argparse.ArgumentParser, *, nargs: str) -> None:
    """Add MODEL, also as --model, and INPUT with this `nargs`. `output_names` expands inputs."""
    add_model(parser)
    parser.add_argument("--model", metavar="MODEL", help="the same, in any place")
    parser.add_argument(
        "inputs",
        nargs=nargs,
        metavar="INPUT",
        help="image and video files, folders of photos, patterns, camera:0, /dev/video0, rtsp://...",
    )


def add_model(
    parser: argparse.ArgumentParser,
    meaning: str = "a .tflite of tfl-depth convert, or a network of `tfl-depth zoo` by its name",
    *,
    nargs: str | None = None,
) -> None:
    """Add MODEL: a path, or the name of a network of the zoo."""
    parser.add_argument("model", nargs=nargs, type=model_file, metavar="MODEL", help=meaning)


def expect_model(path: Path | None) -> None:
    """Check that there is a model's file; None is allowed.

    Raises:
        ModelFileError: there is none.
    """
    if path is not None and not path.is_file():
        expect_made(path)
        raise ModelFileError(f"There is no model {path}.")


def model_file(text: str) -> Path:
    """Read the path of a model, or the name of a network of the zoo that has an INT8 file."""
    try:
        return named_model(text)
    except ModelFileError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add --num-threads."""
    parser.add_argument(
        "--num-threads", "--threads", type=count, metavar="N", help="for the network (all cores)"
    )


def add_delegate(parser: argparse.ArgumentParser) -> None:
    """Add --delegate, --delegate-options and --strict for `runner_settings`."""
    parser.add_argument(
        "--delegate", metavar="NAME", help="what runs it: a name, auto, a library's path (the CPU)"
    )
    parser.add_argument(
        "--delegate-options",
        "--option",
        action="append",
        default=[],
        type=key_and_value,
        metavar="KEY=VALUE",
        help="for the delegate; may be repeated",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="raise an error if the delegate leaves operators to the CPU",
    )


def add_public_key(parser: argparse.ArgumentParser) -> None:
    """Add --public-key for `runner_settings`."""
    parser.add_argument(
        "--public-key",
        type=Path,
        metavar="FILE",
        help="a .pem: the model must be signed with its private key",
    )


def expect_no_key(model: Path, public_key: Path | None) -> None:
    """Refuse a public key for a file that cannot be signed.

    Raises:
        ModelFileError: there is a key.
    """
    if public_key is not None:
        raise ModelFileError(f"Only a .tflite file is signed: omit --public-key for {model}.")


def key_and_value(text: str) -> tuple[str, str]:
    """Read "device=usb"."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text!r}")
    return key, value


def runner_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Arguments of `DepthRunner` from `add_delegate` and `add_public_key`, fit for JSON."""
    return {
        "public_key": None if options.public_key is None else str(options.public_key),
        "delegate": options.delegate,
        "delegate_options": dict(options.delegate_options),
        "strict": options.strict,
    }


def add_isolate(parser: argparse.ArgumentParser) -> None:
    """Add --isolate."""
    parser.add_argument(
        "--isolate",
        action="store_true",
        help="run it in a separate process: a delegate's crash or hang becomes an error",
    )


def add_faults(parser: argparse.ArgumentParser) -> None:
    """Add --isolate, its time limits, --on-fault and --fallback-model, for `fault_settings`."""
    add_isolate(parser)
    parser.add_argument(
        "--timeout",
        dest="timeout_s",
        type=seconds,
        default=5.0,
        metavar="SECONDS",
        help="with --isolate: time limit of a frame (5)",
    )
    parser.add_argument(
        "--start-timeout",
        dest="start_timeout_s",
        type=seconds,
        default=120.0,
        metavar="SECONDS",
        help="with --isolate: time limit of the opening and of the first frame (120)",
    )
    parser.add_argument(
        "--on-fault",
        type=_on_fault,
        choices=("raise", "cpu"),
        default="raise",
        help="if the delegate fails: stop with its error (raise, default), or continue on the cpu",
    )
    parser.add_argument(
        "--fallback-model",
        type=model_file,
        metavar="FILE",
        help="with --on-fault cpu: the model that the CPU runs then (MODEL itself)",
    )


def _on_fault(text: str) -> str:
    """Read what happens at a fault; "error" is the older name of "raise"."""
    return "raise" if text == "error" else text


def fault_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Arguments for `DepthRunner`."""
    names = ("isolate", "timeout_s", "start_timeout_s", "on_fault")
    model = options.fallback_model
    given = {name: getattr(options, name) for name in names}
    return {**given, "fallback_model": None if model is None else str(model)}


def progress(items: Iterable[Any], total: int | None, what: str) -> Iterable[Any]:
    """Yield the items, with a progress bar on standard error if it is a terminal."""
    return show_bar(items, total, what, TERMINAL, hidden=not TERMINAL.isatty())


class Steps:
    """Shows the progress of the slow parts of a command: a line with its number, and a bar."""

    def __init__(self, names: Sequence[str]) -> None:
        """Take the names of the parts, in order."""
        self._names = names

    def __call__(self, items: Iterable[Any], total: int | None, what: str) -> Iterable[Any]:
        """See `progress`."""
        if what not in self._names:  # a part of another step
            return progress(items, total, what)
        number = self._names.index(what) + 1
        logging.info("step %d of %d: %s", number, len(self._names), what)
        return progress(items, total, what)


def each_step(items: Sequence[Any], names: Sequence[str]) -> Iterator[Any]:
    """Yield items that take a similar time, each after a line with its number and the time left.

    Args:
        items: the items.
        names: of the steps.
    """
    begin_s = monotonic()
    for number, (each, name) in enumerate(zip(items, names, strict=True)):
        took_s = monotonic() - begin_s
        to_come = ""
        if number:
            to_come = f", about {_duration(took_s / number * (len(items) - number))} to come"
        logging.info("step %d of %d: %s%s", number + 1, len(items), name, to_come)
        yield each


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def run(action: Callable[[], None]) -> int:
    """Run a command, and print an error as one sentence. Return 0, or 1 after an error."""
    # Set before TensorFlow is loaded: otherwise it prints messages about itself and missing GPUs.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    log_to_stderr()
    with ExitStack() as stack:
        log = None if verbosity() > 0 else stack.enter_context(library_log())
        status = _status(action, log)
    if log is not None and not (status == 1 and log.stat().st_size):
        log.unlink()
    return status


def _name(log: Path | None) -> None:
    """Print the path of the libraries' log before the error, if the log is not empty."""
    if log is not None and log.stat().st_size:
        print(f"log: {log} (what libraries printed)", file=sys.stderr)


def _status(action: Callable[[], None], log: Path | None) -> int:
    try:
        with warnings.catch_warnings(), _ended_by_signals():
            _log_warnings_in_one_line()
            _print_any_name()
            action()
        sys.stdout.flush()  # the printed text may fail too
    except (DepthError, OSError) as error:
        _name(log)
        # Texts of Keras and TensorFlow in some errors have several paragraphs.
        print("error:", *printable(str(error)).split(), file=sys.stderr)
        _drop_what_was_not_printed()
        return 1
    except ModuleNotFoundError as error:
        _name(log)
        extra = EXTRAS.get(str(error.name).partition(".")[0], "train")
        print(
            f"error: {error.name} is not installed. In a checkout: make setup; elsewhere: "
            f"pip install 'tfl-depth[{extra}]'.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt as interrupt:
        number = interrupt.args[0] if interrupt.args else signal.SIGINT
        with suppress(OSError):  # the terminal is closed
            print("interrupted", file=sys.stderr)
        return 128 + int(number)
    return 0


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Make the signals of an ended service or a closed terminal act like Ctrl-C.

    By default they end the process at once: a camera's recording would be lost, and files
        incomplete.
    """
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for which in (signal.SIGTERM, signal.SIGHUP):
            # An ignored signal, as with nohup, stays ignored.
            if signal.getsignal(which) is signal.SIG_DFL:
                before[which] = signal.signal(which, _interrupt)
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def _print_any_name() -> None:
    """Print all names of files, also those that are not UTF-8."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        is_utf8 = sys.stdout.encoding.lower().replace("-", "") == "utf8"
        sys.stdout.reconfigure(errors="surrogateescape" if is_utf8 else "backslashreplace")


def _log_warnings_in_one_line() -> None:
    for category in _LOGGED:
        warnings.simplefilter("default", category)
    usual = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, _LOGGED):
            logging.warning("%s", message)
        else:
            usual(message, category, filename, lineno, file, line)

    warnings.showwarning = show


def _drop_what_was_not_printed() -> None:
    """Drop output that cannot be printed: Python would fail on it again, with another status."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
