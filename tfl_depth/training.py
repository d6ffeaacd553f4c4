"""Train a depth network from a recipe; an interrupted run goes on from its last epoch."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import keras

from tfl_depth.data import DATASETS, Sample, load_split
from tfl_depth.data.batches import Batches
from tfl_depth.evaluation import evaluate, keras_predictor
from tfl_depth.losses import log_l1_with_gradient
from tfl_depth.metrics import mean_over_images
from tfl_depth.models.depth_net import lite0_depth_net


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
            ValueError: not JSON, or fields missing or unknown.
        """
        values = json.loads(path.read_text(encoding="utf-8"))
        expected = {field.name for field in fields(cls)}
        if set(values) != expected:
            raise ValueError(f"Expected {path} to hold {sorted(expected)}, got {sorted(values)}.")
        return cls(**values)


def train(recipe: Recipe, data: Path, run: Path) -> dict[str, float]:
    """Train, keep the best epoch by validation abs_rel, and return its metrics.

    Args:
        recipe: what to train.
        data: the dataset's folder.
        run: folder for `best.keras`, `best.json`, `log.csv` and the state to go on from.
    """
    keras.utils.set_random_seed(recipe.seed)
    run.mkdir(parents=True, exist_ok=True)
    (run / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2) + "\n", encoding="utf-8")
    batches = Batches(
        load_split(recipe.dataset, data, "train", for_training=True),
        (recipe.height, recipe.width),
        recipe.batch_size,
        augment=True,
        seed=recipe.seed,
    )
    model = lite0_depth_net(
        (recipe.height, recipe.width),
        imagenet=True,
        drop_path=recipe.drop_path,
        dropout=recipe.dropout,
    )
    model.compile(
        optimizer=_optimizer(recipe, len(batches)),
        loss=_at_output_size,
        # XLA's CPU convolutions are several times slower than TensorFlow's own.
        jit_compile="auto" if keras.backend.backend() == "jax" else False,
    )
    best = _KeepBest(load_split(recipe.dataset, data, "val"), recipe.dataset, run)
    model.fit(
        batches,
        epochs=recipe.epochs,
        verbose=2,
        callbacks=[
            keras.callbacks.BackupAndRestore(str(run / "state")),
            keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
            best,
            keras.callbacks.CSVLogger(str(run / "log.csv"), append=True),
        ],
    )
    return best.metrics


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


class _KeepBest(keras.callbacks.Callback):  # type: ignore[misc]
    """Evaluate after each epoch by the full protocol and save the model when abs_rel improves."""

    def __init__(self, samples: Sequence[Sample], dataset: str, run: Path) -> None:
        super().__init__()
        self._samples = samples
        self._dataset = DATASETS[dataset]
        self._run = run
        self.metrics: dict[str, float] = {}

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        metrics = mean_over_images(
            evaluate(keras_predictor(self.model), self._samples, self._dataset)
        )
        logs.update({f"val_{name}": value for name, value in metrics.items()})
        if not self.metrics or metrics["abs_rel"] < self.metrics["abs_rel"]:
            self.metrics = metrics
            self.model.save(self._run / "best.keras")
        print(
            f"epoch {epoch + 1}: abs_rel {metrics['abs_rel']:.4f} delta1 {metrics['delta1']:.4f}",
            flush=True,
        )
