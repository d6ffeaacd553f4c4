"""Runs a command: its exit status, its error as one sentence, the log of libraries."""

from __future__ import annotations

import atexit
import io
import os
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from tfl_depth.errors import DepthError
from tfl_depth.quiet import library_log
from tfl_depth.tools.lib.command_parser import log_to_stderr, verbosity
from tfl_depth.tools.lib.end_signals import ended_by_signals
from tfl_depth.tools.lib.printable import printable
from tfl_depth.tools.lib.warning_lines import log_warnings_in_one_line

# The original standard error: progress is printed there while `run` hides prints of libraries.
TERMINAL = os.fdopen(os.dup(2), "w", errors="backslashreplace")
atexit.register(TERMINAL.close)
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


def _status(action: Callable[[], None], log: Path | None) -> int:
    try:
        with warnings.catch_warnings(), ended_by_signals():
            log_warnings_in_one_line()
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


def _name(log: Path | None) -> None:
    """Print the path of the libraries' log before the error, if the log is not empty."""
    if log is not None and log.stat().st_size:
        print(f"log: {log} (what libraries printed)", file=sys.stderr)


def _print_any_name() -> None:
    """Print all names of files, also those that are not UTF-8."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        is_utf8 = sys.stdout.encoding.lower().replace("-", "") == "utf8"
        sys.stdout.reconfigure(errors="surrogateescape" if is_utf8 else "backslashreplace")


def _drop_what_was_not_printed() -> None:
    """Drop output that cannot be printed: Python would fail on it again, with another status."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
