"""Train a depth network from a recipe; an interrupted run goes on from its last epoch."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfl_depth.data import DATASETS, Sample, load_split
from tfl_depth.data.batches import Batches
from tfl_depth.errors import DatasetError, DepthError
from tfl_depth.evaluation import evaluate, keras_predictor
from tfl_depth.files import write_whole
from tfl_depth.losses import log_l1_with_gradient
from tfl_depth.metrics import METRICS, mean_over_images
from tfl_depth.models.depth_net import lite0_depth_net

# In a run's folder: the last whole epoch's weights and optimiser, the best epoch, every epoch.
STATE = "state.weights.h5"
BEST = "best.json"
LOG = "log.csv"

_JSON_TYPES: dict[str, type | tuple[type, ...]] = {"int": int, "float": (int, float), "str": str}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run but the data itself (`zoo/*/recipe.json`)."""

    dataset: str
    height: int
    width: int
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup_epochs: float
    ema_momentum: float
    drop_path: float
    dropout: float
    seed: int

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read a recipe; every field must be there and no other.

        Raises:
            OSError: no such file.
            ValueError: not JSON, or fields missing, unknown or of another type.
        """
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError(f"Expected {path} to hold a JSON object.")
        types = {field.name: str(field.type) for field in fields(cls)}
        if set(values) != set(types):
            raise ValueError(f"Expected {path} to hold {sorted(types)}, got {sorted(values)}.")
        for name, value in values.items():
            if not isinstance(value, _JSON_TYPES[types[name]]):
                raise ValueError(f"Expected {name} in {path} to be {types[name]}, got {value!r}.")
        recipe = cls(**values)
        if min(recipe.height, recipe.width, recipe.epochs, recipe.batch_size) < 1:
            raise ValueError(f"Expected positive sizes and epochs in {path}.")
        if recipe.warmup_epochs >= recipe.epochs:
            raise ValueError(
                f"Expected a warm-up shorter than the {recipe.epochs} epochs in {path}."
            )
        return recipe


def train(recipe: Recipe, data: Path, run: Path) -> dict[str, float]:
    """Train, keep the best epoch by validation abs_rel, and return its metrics.

    An interrupted run goes on after its last whole epoch, with what it would have seen next; a
    finished one only returns its metrics.

    Args:
        recipe: what to train.
        data: the dataset's folder.
        run: folder for `best.keras`, `best.json` (its epoch and metrics), `log.csv` and the state
            to go on from.

    Raises:
        DatasetError: the data cannot be read, or is less than a batch.
        DepthError: the folder holds a run of another recipe.
    """
    _claim(run, recipe)
    keras.utils.set_random_seed(recipe.seed)
    samples = load_split(recipe.dataset, data, "train", for_training=True)
    steps_per_epoch = len(samples) // recipe.batch_size
    if steps_per_epoch == 0:
        raise DatasetError(
            f"Expected at least one batch of {recipe.batch_size} images, got {len(samples)}."
        )
    model = _compiled(recipe, steps_per_epoch)
    first_epoch = _restore(model, run) // steps_per_epoch
    batches = Batches(
        samples,
        (recipe.height, recipe.width),
        recipe.batch_size,
        augment=True,
        seed=recipe.seed,
    )
    epochs = _Epochs(batches, load_split(recipe.dataset, data, "val"), recipe, run, first_epoch)
    if first_epoch < recipe.epochs:
        model.fit(
            batches,
            shuffle=False,
            initial_epoch=first_epoch,
            epochs=recipe.epochs,
            verbose=2,
            callbacks=[epochs],
        )
    return epochs.best


def _claim(run: Path, recipe: Recipe) -> None:
    """Make the run's folder the recipe's, unless another recipe has begun to train in it."""
    path, text = run / "recipe.json", json.dumps(asdict(recipe), indent=2) + "\n"
    if (run / STATE).exists() and path.read_text(encoding="utf-8") != text:
        raise DepthError(
            f"{run} holds a run of another recipe (its recipe.json): name another folder, or "
            "remove this one."
        )
    run.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())


def _compiled(recipe: Recipe, steps_per_epoch: int) -> keras.Model:
    model = lite0_depth_net(
        (recipe.height, recipe.width),
        imagenet=True,
        drop_path=recipe.drop_path,
        dropout=recipe.dropout,
    )
    model.compile(
        optimizer=_optimizer(recipe, steps_per_epoch),
        loss=_at_output_size,
        # XLA's CPU convolutions are several times slower than TensorFlow's own.
        jit_compile="auto" if keras.backend.backend() == "jax" else False,
    )
    return model


def _restore(model: keras.Model, run: Path) -> int:
    """Take up the state of an interrupted run; returns how many steps it had done."""
    if (run / STATE).exists():
        # Its slots, and the averaged weights, must be there to be loaded.
        model.optimizer.build(model.trainable_variables)
        model.load_weights(run / STATE)
    return int(model.optimizer.iterations)


def _optimizer(recipe: Recipe, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    warmup_steps = math.ceil(recipe.warmup_epochs * steps_per_epoch)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=recipe.learning_rate / 100,
        warmup_target=recipe.learning_rate,
        warmup_steps=warmup_steps,
        decay_steps=recipe.epochs * steps_per_epoch - warmup_steps,
    )
    optimizer = keras.optimizers.AdamW(
        schedule,
        weight_decay=recipe.weight_decay,
        global_clipnorm=1.0,
        use_ema=True,
        ema_momentum=recipe.ema_momentum,
    )
    # Decay is for convolution kernels: a scale or an offset drawn to zero regularises nothing.
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def _at_output_size(depth_true: Any, depth_pred: Any) -> Any:
    """The loss on the prediction's grid: the truth's nearest pixels, so that no depth is mixed."""
    step = depth_true.shape[1] // depth_pred.shape[1]
    return log_l1_with_gradient(depth_true[:, ::step, ::step], depth_pred)


class _Epochs(keras.callbacks.Callback):  # type: ignore[misc]
    """After each epoch: evaluate the averaged weights, keep the best, log, save the state.

    The state comes last: an epoch that was cut short anywhere is run again and comes out the same.

    Attributes:
        best: metrics of the best epoch, that of before an interruption included.
    """

    def __init__(
        self,
        batches: Batches,
        samples: Sequence[Sample],
        recipe: Recipe,
        run: Path,
        first_epoch: int,
    ) -> None:
        super().__init__()
        self._batches = batches
        self._samples = samples
        self._dataset = DATASETS[recipe.dataset]
        self._seed = recipe.seed
        self._run = run
        self._log = _read_log(run / LOG, first_epoch)
        self.best: dict[str, float] = {}
        if first_epoch:
            self.best = json.loads((run / BEST).read_text(encoding="utf-8"))["metrics"]

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._batches.start_epoch(epoch)
        # Keras saves no state of dropout's generators: they, too, begin each epoch anew.
        for number, layer in enumerate(self.model.layers):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                seed = np.random.default_rng((self._seed, epoch, number)).integers(2**31)
                generator.state.assign([seed, 0])

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        # In training the weights are the latest; what is measured and kept is their average.
        latest = self.model.get_weights()
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        # On JAX the two would share arrays now, and prediction frees the model's: copy them.
        self.model.set_weights(self.model.get_weights())
        metrics = mean_over_images(
            evaluate(keras_predictor(self.model), self._samples, self._dataset)
        )
        if not self.best or metrics["abs_rel"] < self.best["abs_rel"]:
            self._keep(epoch, metrics)
        self.model.set_weights(latest)
        self._write_log(epoch, logs["loss"], metrics)
        _save(self.model.save_weights, self._run / STATE)
        print(
            f"epoch {epoch + 1}: abs_rel {metrics['abs_rel']:.4f} delta1 {metrics['delta1']:.4f}",
            flush=True,
        )

    def _keep(self, epoch: int, metrics: dict[str, float]) -> None:
        self.best = metrics
        _save(self.model.save, self._run / "best.keras")
        text = json.dumps({"epoch": epoch, "metrics": metrics}, indent=2) + "\n"
        write_whole(self._run / BEST, text.encode())

    def _write_log(self, epoch: int, loss: float, metrics: dict[str, float]) -> None:
        values = {"loss": loss, **{f"val_{name}": metrics[name] for name in METRICS}}
        self._log.append({"epoch": str(epoch), **{name: f"{v:.6g}" for name, v in values.items()}})
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(self._log[0]))
        writer.writeheader()
        writer.writerows(self._log)
        write_whole(self._run / LOG, text.getvalue().encode())


def _save(save: Callable[[Path], None], path: Path) -> None:
    """Let Keras save under another name and rename it, so that nobody sees half of it."""
    partial = path.with_name(f"partial-{path.name}")
    save(partial)
    partial.replace(path)


def _read_log(path: Path, first_epoch: int) -> list[dict[str, str]]:
    """The rows of epochs before `first_epoch`; a later one is of an epoch that is run again."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if int(row["epoch"]) < first_epoch]
