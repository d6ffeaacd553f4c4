"""`tfl-depth train`: train a zoo network from its recipe. An interrupted run can be resumed."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tfl_depth.errors import DatasetError
from tfl_depth.quiet import quiet
from tfl_depth.tools.lib import command_result, command_run, option_values
from tfl_depth.tools.lib.command_parser import CommandParser, make_parser
from tfl_depth.tools.lib.output_checks import expect_folder_output
from tfl_depth.tools.lib.training_environment import TRAINING_ENVIRONMENT

if TYPE_CHECKING:
    from tfl_depth.training import TrainConfig

EXAMPLE = "tfl-depth train zoo/lite0-redkitchen-192x256/recipe.json --data path/to/redkitchen"
ENVIRONMENT = TRAINING_ENVIRONMENT


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(argv)
    return command_run.run(lambda: _train(options))


def _parser() -> CommandParser:
    parser = make_parser(
        "tfl-depth train",
        "Train a network from its recipe, and write the zoo entry: model.keras, metrics.json and\n"
        "the model card. Run it again after an interruption to resume from the last epoch.\n\n"
        "Over several hosts: start it on each, with the same data and a run folder they share,\n"
        "KERAS_BACKEND=jax, KERAS_DISTRIBUTION_JOB_ADDRESSES=HOST:PORT (where the first listens),\n"
        "KERAS_DISTRIBUTION_NUM_PROCESSES and KERAS_DISTRIBUTION_PROCESS_ID (0, 1, ...).",
        EXAMPLE,
    )
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="a recipe.json")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="the dataset")
    parser.add_argument(
        "--run",
        type=Path,
        metavar="DIR",
        help="folder for the log, learning curves (curves.png), TensorBoard events, the best "
        "epoch, and the state to resume from (runs/NAME)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="folder of the zoo entry (the recipe's own)"
    )
    parser.add_argument(
        "--epochs",
        type=option_values.counts,
        metavar="N,N,...",
        help="of each cycle of the learning rate, one number a cycle (the recipe's)",
    )
    parser.add_argument(
        "--skip-broken", action="store_true", help="skip broken pairs, with a warning"
    )
    command_result.add_json(parser)
    return parser


def _train(options: argparse.Namespace) -> None:
    if not options.recipe.is_file():
        raise DatasetError(f"There is no recipe {options.recipe}.")
    if not options.data.is_dir():
        raise DatasetError(f"There is no folder {options.data} with the dataset.")
    expect_folder_output(options.run)
    expect_folder_output(options.output)
    with quiet():
        from tfl_depth.training import TrainConfig, train
        from tfl_depth.training.distributed import joined
        from tfl_depth.zoo import write_entry
    try:
        recipe = TrainConfig.load(options.recipe)
    except (OSError, ValueError) as error:
        raise DatasetError(f"Cannot read the recipe {options.recipe}: {error}") from error
    if options.epochs is not None:
        recipe = _with_epochs(recipe, options.epochs)
    entry = options.output or options.recipe.resolve().parent
    run = options.run or Path("runs") / options.recipe.resolve().parent.name
    with joined() as hosts, _epochs_apart() if options.json else contextlib.nullcontext():
        train(
            recipe,
            options.data,
            run,
            start_folder=options.recipe.parent,
            skip_broken=options.skip_broken,
            hosts=hosts,
        )
    if not hosts.chief:
        return
    result = write_entry(recipe, run / "best.keras", options.data, entry)
    metrics = ", ".join(f"{name} {value:.4f}" for name, value in result["metrics"].items())
    command_result.tell(options, {"entry": str(entry), **result}, f"{entry}: {metrics}")


def _with_epochs(recipe: TrainConfig, epochs: tuple[int, ...]) -> TrainConfig:
    if len(epochs) != len(recipe.epochs):
        raise DatasetError(
            f"Expected --epochs with {len(recipe.epochs)} numbers, one for each cycle of the "
            f"recipe, got {len(epochs)}."
        )
    if min(epochs) <= recipe.warmup_epochs:
        raise DatasetError(
            f"Expected --epochs above the recipe's warmup of {recipe.warmup_epochs:g}, got "
            f"{min(epochs)}."
        )
    return replace(recipe, epochs=epochs)


def _epochs_apart() -> contextlib.AbstractContextManager[object]:
    """Print epochs on standard error, so that standard output has only the result."""
    return contextlib.redirect_stdout(sys.stderr)
