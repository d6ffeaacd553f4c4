"""Train a depth network from a recipe. An interrupted run is resumed after its last epoch."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras

from tfl_depth.data import load_split
from tfl_depth.data.augment import Augmentation
from tfl_depth.data.batches import Batches, at_size_of
from tfl_depth.data.repeated import RepeatedBatches
from tfl_depth.data.samples import Sample
from tfl_depth.data.shrink import Shrinking
from tfl_depth.errors import DatasetError, DepthError, ModelFileError
from tfl_depth.files import write_whole
from tfl_depth.losses import LOSSES
from tfl_depth.models.depth_net import depth_net
from tfl_depth.models.start_weights import take_weights
from tfl_depth.training.distributed import ALONE, Hosts
from tfl_depth.training.epochs import STATE, Epochs
from tfl_depth.training.optimizer import make_optimizer
from tfl_depth.training.run_folder import reading
from tfl_depth.training.teachers import Teacher, Teachers
from tfl_depth.training.train_config import IMAGENET, TrainConfig


def train(
    recipe: TrainConfig,
    data: Path,
    run: Path,
    *,
    start_folder: Path = Path(),
    skip_broken: bool = False,
    hosts: Hosts = ALONE,
) -> dict[str, float]:
    """Train, keep the best epoch by validation abs_rel, and return its metrics.

    An interrupted run is resumed after its last whole epoch, with the same batches as without the
    interruption. A finished run only returns its metrics.

    Args:
        recipe: all settings of the run.
        data: the dataset's folder.
        run: folder for `best.keras`, `best.json` (its epoch and metrics), `log.csv`, `curves.png`,
            `tensorboard/` and the state for resuming. Several hosts share it.
        start_folder: the folder that `recipe.start` and `recipe.teachers` are relative to.
        skip_broken: leave broken pairs out, with a warning that names them.
        hosts: the hosts that train together (see `distributed.joined`).

    Raises:
        DatasetError: the data cannot be read, or has fewer images than a batch.
        ModelFileError: the checkpoint to start from cannot be read, or is of another network.
        DepthError: the folder is damaged or has a run of another recipe, the hosts have different
            recipes, data or folders, they cannot share a batch, or training diverges.
    """
    _claim(run, recipe, hosts)
    keras.utils.set_random_seed(recipe.seed)
    samples = load_split(recipe.dataset, data, "train", for_training=True, skip_broken=skip_broken)
    steps_per_epoch = len(samples) // recipe.batch_size
    if steps_per_epoch == 0:
        raise DatasetError(
            f"Expected at least one batch of {recipe.batch_size} images, got {len(samples)}."
        )
    if recipe.batch_size % hosts.count:
        raise DepthError(
            f"Expected a batch_size that {hosts.count} hosts can share, got {recipe.batch_size}."
        )
    state = run / STATE
    hosts.agree(
        repr(recipe).encode(),
        b"".join(sample.rgb.tobytes() for sample in samples),
        state.read_bytes() if state.exists() else b"",
    )
    model = _compiled(recipe, steps_per_epoch, start_folder)
    first_epoch = _restore(model, run) // steps_per_epoch
    batches = _batches(recipe, samples, start_folder, hosts)
    held_out = load_split(recipe.dataset, data, "val", skip_broken=skip_broken)
    epochs = Epochs(recipe, batches, held_out, run, first_epoch, hosts)
    if not epochs.ended:
        model.fit(
            batches,
            shuffle=False,
            initial_epoch=first_epoch,
            epochs=recipe.total_epochs,
            # A progress bar in a terminal only. The line for each epoch is always printed.
            verbose=1 if hosts.chief and sys.stdout.isatty() else 0,
            callbacks=[epochs],
        )
    return epochs.best


def _claim(run: Path, recipe: TrainConfig, hosts: Hosts) -> None:
    """Write the recipe into the run's folder. Refuse a folder with a run of another recipe."""
    path, text = run / "recipe.json", json.dumps(asdict(recipe), indent=2) + "\n"
    if (run / STATE).exists() and _recipe_text(path) != text:
        raise DepthError(
            f"{run} holds a run of another recipe (its recipe.json): name another folder, or "
            "remove this one."
        )
    if hosts.chief:
        run.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())


def _recipe_text(path: Path) -> str:
    with reading(path):
        text = path.read_text(encoding="utf-8")
        json.loads(text)
        return text


def _batches(
    recipe: TrainConfig, samples: Sequence[Sample], start_folder: Path, hosts: Hosts
) -> Batches | RepeatedBatches:
    batches = Batches(
        samples,
        (recipe.height, recipe.width),
        recipe.batch_size,
        augmentation=Augmentation(recipe.max_zoom, recipe.zoom_share),
        seed=recipe.seed,
        share=(hosts.index, hosts.count),
        teacher=_teacher(recipe, start_folder, hosts),
        mixed_share=recipe.mixed_share,
        shrinking=Shrinking(recipe.min_zoom, recipe.shrunken_share),
    )
    if recipe.repeated_epochs:
        return RepeatedBatches(batches, recipe.repeated_epochs)
    return batches


def _compiled(recipe: TrainConfig, steps_per_epoch: int, start_folder: Path) -> keras.Model:
    with _dtype_policy(recipe.dtype_policy):
        model = depth_net(
            recipe.encoder,
            (recipe.height, recipe.width),
            imagenet=recipe.start == IMAGENET,
            drop_path=recipe.drop_path,
            dropout=recipe.dropout,
        )
    if recipe.starts_from_file:
        _take_weights(model, start_folder / recipe.start)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # To first order, the statistics of averaged weights are the statistics averaged over
            # the same steps. Others change the scale of depth by percents (docs/decisions/022).
            layer.momentum = recipe.ema_momentum
            # A layer that is not trainable normalizes by its own statistics in training too.
            layer.trainable = not recipe.frozen_batch_norm
    model.compile(
        optimizer=make_optimizer(recipe, steps_per_epoch),
        loss=_loss(recipe),
        # XLA's CPU convolutions are several times slower than TensorFlow's own.
        jit_compile="auto" if keras.backend.backend() == "jax" else False,
    )
    return model


def _loss(recipe: TrainConfig) -> Callable[[Any, Any], Any]:
    """The recipe's loss for the true depth and, if there are teachers, for their depth."""
    loss = LOSSES[recipe.loss]

    def of_truth(depth: Any, depth_pred: Any) -> Any:
        return loss(at_size_of(depth, depth_pred), depth_pred)

    def of_truth_and_teachers(depths: Any, depth_pred: Any) -> Any:
        true, taught = of_truth(depths[..., :1], depth_pred), of_truth(depths[..., 1:], depth_pred)
        return (1 - recipe.teacher_share) * true + recipe.teacher_share * taught

    return of_truth_and_teachers if recipe.teachers else of_truth


def _teacher(recipe: TrainConfig, folder: Path, hosts: Hosts) -> Teacher | None:
    if not recipe.teachers:
        return None
    if hosts.count > 1:
        # Keras predicts on all hosts together, but each host has other images.
        raise DepthError("Expected one host for a recipe with teachers: train on one.")
    return Teachers([folder / name for name in recipe.teachers])


@contextmanager
def _dtype_policy(name: str) -> Iterator[None]:
    """Set the policy of layers that are created inside."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _take_weights(model: keras.Model, checkpoint: Path) -> None:
    try:
        take_weights(model, keras.saving.load_model(checkpoint, compile=False))
    except (OSError, ValueError, TypeError) as error:
        raise ModelFileError(
            f"Expected {checkpoint} to be a .keras file of the network {model.name}: {error}"
        ) from error


def _restore(model: keras.Model, run: Path) -> int:
    """Load the state of an interrupted run, and return the number of its steps."""
    if (run / STATE).exists():
        # The optimizer's variables and the averaged weights must exist before they are loaded.
        model.optimizer.build(model.trainable_variables)
        with reading(run / STATE):
            model.load_weights(run / STATE)
    return int(model.optimizer.iterations)
