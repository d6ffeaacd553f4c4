"""`tfl-depth benchmark`: the time of the runtime compared with the time of the network."""

from __future__ import annotations

import argparse
import math
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

from tfl_depth.errors import InterpreterError
from tfl_depth.runtime import DepthRunner
from tfl_depth.tools.lib import (
    command_progress,
    command_result,
    command_run,
    model_options,
    option_values,
    runner_options,
)
from tfl_depth.tools.lib.benchmark_cases import (
    Case,
    Seconds,
    of_delegate,
    of_float,
    of_onnx,
    of_openvino,
    of_postprocessing,
    of_runner,
)
from tfl_depth.tools.lib.benchmark_heat import heat_lines, measure_heat
from tfl_depth.tools.lib.benchmark_machine import cpu_name, package_versions
from tfl_depth.tools.lib.benchmark_start import measure_start
from tfl_depth.tools.lib.board_options import (
    add_board_options,
    board_arguments,
    expect_board,
    run_on_board,
)
from tfl_depth.tools.lib.command_parser import CommandParser, make_parser

EXAMPLE = "tfl-depth benchmark model.tflite --float model-float32.tflite --json"
Times = Mapping[str, float]

# Ratios of times. Each ratio is computed within a round, in which the machine's speed is constant,
# and the median over rounds is reported.
RATIOS: dict[str, Callable[[Times], float]] = {
    "infer / invoke": lambda t: t["infer"] / t["invoke"],
    "infer, depth of the model's size / invoke": lambda t: (
        t["infer, depth of the model's size"] / t["invoke"]
    ),
    "decode, right after an invoke / invoke": lambda t: (
        t["decode, right after an invoke"] / t["invoke"]
    ),
    "(infer 1280x720 - cv2.resize) / invoke": lambda t: (
        (t["infer 1280x720"] - t["cv2.resize of 1280x720"]) / t["invoke"]
    ),
    "invoke / stream of 1280x720, a frame": lambda t: (
        t["invoke"] / t["stream of 1280x720, a frame"]
    ),
    "beside invoke: usual / infer": lambda t: (
        t["usual, beside its invoke"] / t["infer, beside its invoke"]
    ),
    "postprocess / copy, uniform spans": lambda t: t["postprocess, uniform spans"] / t["copy"],
    "postprocess / copy, growing spans": lambda t: t["postprocess, growing spans"] / t["copy"],
    "postprocess / copy, some without depth": lambda t: (
        t["postprocess, uniform spans, some without depth"] / t["copy"]
    ),
    "smooth / copy": lambda t: t["smooth"] / t["copy"],
    "float32 / int8": lambda t: t["invoke float32"] / t["invoke"],
    "openvino / int8": lambda t: t["invoke openvino"] / t["invoke"],
    "onnxruntime / int8": lambda t: t["invoke onnxruntime"] / t["invoke"],
}

# Differences of times, in seconds of a round.
DIFFERENCES: dict[str, Callable[[Times], float]] = {
    "isolate=True, a frame": lambda t: (
        t["infer, isolated, beside its invoke"] - t["infer, beside its invoke"]
    ),
}

PEERS = {"openvino": of_openvino, "onnxruntime": of_onnx}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.board is not None:
        return command_run.run(lambda: _benchmark_there(options, board_arguments(parser, argv)))
    return command_run.run(lambda: _benchmark(options))


def _parser() -> CommandParser:
    parser = make_parser(
        "tfl-depth benchmark",
        "Measure the time of a model in the runtime, of the runtime's parts (postprocessing at\n"
        "384x640), of the bare interpreter, and of a simple program around it, in turns in one\n"
        "run. With a delegate, only the runtime and its parts are measured.",
        EXAMPLE,
    )
    model_options.add_model(parser)
    parser.add_argument(
        "--float", type=Path, metavar="OTHER", help="the same network as a float32 .tflite"
    )
    parser.add_argument(
        "--rounds",
        type=option_values.count,
        default=50,
        metavar="N",
        help="measured calls of each (50)",
    )
    runner_options.add_delegate(parser)
    model_options.add_public_key(parser)
    runner_options.add_threads(parser)
    parser.add_argument(
        "--minutes",
        type=option_values.minutes,
        metavar="M",
        help="then run the network for M minutes without a pause, and report whether heat slows it "
        "(10 is a good length)",
    )
    command_result.add_json(parser)
    add_board_options(parser)
    return parser


def _benchmark_there(options: argparse.Namespace, arguments: list[str | Path]) -> None:
    more_s = 60 * (options.minutes or 0)
    run_on_board("benchmark", options, [options.model, *arguments], text=_table, more_s=more_s)


def _benchmark(options: argparse.Namespace) -> None:
    expect_board(options)
    threads = options.num_threads or len(os.sched_getaffinity(0))
    settings = runner_options.runner_settings(options)
    result = measure(options.model, options.float, threads, options.rounds, settings)
    if options.minutes is not None:
        settings = {"num_threads": threads, **settings}
        result["heat"] = measure_heat(options.model, settings, 60 * options.minutes)
    command_result.tell(options, result, _table(result))


def measure(
    model: Path,
    floating: Path | None,
    threads: int,
    rounds: int,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Measure all times in turns.

    Args:
        model: a .tflite of tfl-depth convert.
        floating: the same network in float32, or None.
        threads: for the network.
        rounds: number of turns.
        settings: other arguments of `DepthRunner`, such as the delegate.

    Returns:
        The document that `--json` prints.
    """
    settings = {"num_threads": threads, **(settings or {})}
    if floating is not None and settings.get("public_key") is not None:
        DepthRunner(floating, public_key=settings["public_key"]).close()
    with DepthRunner(model, **settings) as runner:
        size, placement = runner.model_size, asdict(runner.delegate_coverage)
    floats = {} if floating is None else {"invoke float32": of_float(floating, threads)}
    # Before this process opens the delegate, since an NPU may not serve two processes.
    start = measure_start(model, settings)
    on_delegate = placement["delegate"] is not None
    cases, absent = _cases(model, floats, settings, on_delegate=on_delegate)
    turns = _timed(cases, rounds)
    return {
        "model": model.name,
        "input": "{}x{}".format(*size),
        "placement": placement,
        "threads": threads,
        "rounds": rounds,
        "cpu": cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg()[0],
        "versions": package_versions(),
        "absent": absent,
        "times_ms": {name: _spread([1000 * t[name] for t in turns]) for name in cases},
        "ratios": {
            name: statistics.median(ratio(t) for t in turns)
            for name, ratio in RATIOS.items()
            if _is_there(ratio, cases)
        },
        "differences_ms": {
            name: statistics.median(1000 * difference(t) for t in turns)
            for name, difference in DIFFERENCES.items()
            if _is_there(difference, cases)
        },
        "start": start,
    }


def _cases(
    model: Path, floats: dict[str, Case], settings: dict[str, Any], *, on_delegate: bool
) -> tuple[dict[str, Case], dict[str, str]]:
    """Return the measured cases, and the omitted ones with the reason."""
    threads = settings["num_threads"]
    ours = of_delegate(model, settings) if on_delegate else of_runner(model, threads)
    cases = {**ours, **of_postprocessing(), **floats}
    if on_delegate:
        return cases, dict.fromkeys(PEERS, "it is only measured with the CPU")
    absent = _add_peers(cases, model, threads)
    return cases, absent


def _add_peers(cases: dict[str, Case], model: Path, threads: int) -> dict[str, str]:
    """Add the other runtimes. Return the missing ones with the reason."""
    absent = {}
    for name, peer in PEERS.items():
        try:
            cases[f"invoke {name}"] = peer(model, threads)
        except ModuleNotFoundError as error:
            absent[name] = f"{error.name} is not installed"
        except InterpreterError as error:
            absent[name] = str(error)
    return absent


def _timed(cases: Mapping[str, Case], rounds: int) -> list[Times]:
    """Measure the seconds of each case in each round, after one call to allocate memory."""
    names = list(cases)
    found: list[Times] = []
    for number in command_progress.progress(range(rounds), rounds, "benchmark"):
        first = number % len(names)
        found.append({name: _seconds(cases[name]) for name in names[first:] + names[:first]})
    return found


def _seconds(case: Case) -> float:
    case()
    begin_s = perf_counter()
    told = case()
    return told if isinstance(told, Seconds) else perf_counter() - begin_s


def _spread(times_ms: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times_ms)
    # The nearest rank: the smallest time that this share of the calls does not exceed.
    p95, p99 = (ordered[math.ceil(share * len(ordered)) - 1] for share in (0.95, 0.99))
    return {"median": statistics.median(ordered), "least": ordered[0], "p95": p95, "p99": p99}


def _is_there(ratio: Callable[[Times], float], cases: Mapping[str, Case]) -> bool:
    try:
        ratio(dict.fromkeys(cases, 1.0))
    except KeyError:
        return False
    return True


def _table(result: dict[str, Any]) -> str:
    lines = ["{model}, {input}: {threads} threads, {rounds} rounds".format_map(result)]
    if result["placement"]["delegate"] is not None:
        lines += ["on {delegate}: {taken} of {operators} operators".format_map(result["placement"])]
    lines += [f"{'milliseconds':<50}   median    least     95 %     99 %"]
    lines += [
        f"{name:<50} " + " ".join(f"{each[of]:8.3f}" for of in ("median", "least", "p95", "p99"))
        for name, each in result["times_ms"].items()
    ]
    lines += [f"{'not measured: ' + name:<50} {why}" for name, why in result["absent"].items()]
    lines += ["ratios, median over rounds"]
    lines += [f"{name:<50} {ratio:8.3f}" for name, ratio in result["ratios"].items()]
    lines += ["milliseconds that are added, median over rounds"]
    lines += [f"{name:<50} {added:8.3f}" for name, added in result["differences_ms"].items()]
    lines += ["a fresh process"]
    lines += [f"{name:<50} {value:8.1f}" for name, value in result["start"].items()]
    return "\n".join([*lines, *heat_lines(result.get("heat")), frame_rate(result)])


def frame_rate(result: Mapping[str, Any]) -> str:
    """The time of a frame of the model's size, from pixels to depth, and its inverse."""
    frame_ms = result["times_ms"]["infer"]["median"]
    return f"{frame_ms:.1f} ms a frame, {1000 / frame_ms:.0f} frames a second"
