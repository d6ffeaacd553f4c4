"""The options for what runs a model, as arguments of `DepthRunner`."""

from __future__ import annotations

import argparse
from typing import Any

from tfl_depth.tools.lib.model_options import model_file
from tfl_depth.tools.lib.option_values import count, key_and_value, seconds


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


def runner_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Arguments of `DepthRunner` from `add_delegate` and `add_public_key`, fit for JSON."""
    return {
        "public_key": None if options.public_key is None else str(options.public_key),
        "delegate": options.delegate,
        "delegate_options": dict(options.delegate_options),
        "strict": options.strict,
    }


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add --num-threads."""
    parser.add_argument(
        "--num-threads", "--threads", type=count, metavar="N", help="for the network (all cores)"
    )


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
