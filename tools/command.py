"""What the commands share: how they read sizes, show progress, and fail."""

from __future__ import annotations

import argparse
import atexit
import math
import os
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

import tfl_depth
from tfl_depth.errors import DepthError

# Standard error as it is at the start: progress goes on while `quiet` drops what others print.
TERMINAL = os.fdopen(os.dup(2), "w")
atexit.register(TERMINAL.close)


def parser(name: str, description: str, example: str) -> argparse.ArgumentParser:
    """An argument parser in the one style of all commands, with an example in its help."""
    made = argparse.ArgumentParser(
        prog=name,
        description=description,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # argparse knows "-1" for a number, and takes "-1,1" for an option.
    made._negative_number_matcher = re.compile(r"-\.?\d")
    made.add_argument("--version", action="version", version=f"tfl-depth {tfl_depth.__version__}")
    return made


def size(text: str) -> tuple[int, int]:
    """Read "192x256" as (height, width)."""
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected HEIGHTxWIDTH, like 192x256, got {text!r}")
    return int(match[1]), int(match[2])


def seconds(text: str) -> float:
    """Read a length of time above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected seconds above 0, got {text!r}")
    return value


def numbers(text: str) -> tuple[float, ...]:
    """Read "0,1,2,4" as numbers."""
    try:
        return tuple(float(number) for number in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected numbers like 0,1,2,4, got {text!r}") from error


def add_delegate(parser: argparse.ArgumentParser) -> None:
    """Add --delegate, --option and --strict, which `runner_settings` reads."""
    parser.add_argument(
        "--delegate", metavar="NAME", help="what runs it: a name, auto, a library's path (the CPU)"
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        type=key_and_value,
        metavar="KEY=VALUE",
        help="for the delegate; may be given again",
    )
    parser.add_argument(
        "--strict", action="store_true", help="a delegate that leaves operators is an error"
    )


def key_and_value(text: str) -> tuple[str, str]:
    """Read "device=usb"."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text!r}")
    return key, value


def runner_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Arguments for `DepthRunner`."""
    return {
        "delegate": options.delegate,
        "delegate_options": dict(options.option),
        "strict": options.strict,
    }


def progress(items: Iterable[Any], total: int | None, what: str) -> Iterable[Any]:
    """Show a bar on standard error while `items` are gone through, where a terminal watches."""
    from tqdm import tqdm

    bar: Iterable[Any] = tqdm(
        items, total=total, desc=what, file=TERMINAL, disable=not TERMINAL.isatty(), leave=False
    )
    return bar


def run(action: Callable[[], None]) -> int:
    """Run a command; say an error in one sentence. The exit status: 0, or 1 for an error."""
    # TensorFlow greets, and tells of absent GPUs, unless told not to before it is loaded.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        action()
        sys.stdout.flush()  # what was printed may not be written either
    except (DepthError, OSError) as error:
        # Keras and TensorFlow, whose words some errors hold, speak in paragraphs.
        print("error:", *str(error).split(), file=sys.stderr)
        _drop_what_was_not_printed()
        return 1
    except ModuleNotFoundError as error:
        print(
            f"error: {error.name} is not installed. In a checkout: make setup; elsewhere: "
            "pip install 'tfl-depth[convert,train,sign]'.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def _drop_what_was_not_printed() -> None:
    """Keep Python from failing over it once more at its end, with an exit status of its own."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
