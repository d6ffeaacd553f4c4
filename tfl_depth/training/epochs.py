"""The work between two epochs: measure, keep the best network, log, save the state."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfl_depth.data import DATASETS, Sample
from tfl_depth.data.batches import Batches
from tfl_depth.data.repeated import RepeatedBatches
from tfl_depth.errors import DepthError
from tfl_depth.evaluation.evaluate import evaluate, keras_predictor
from tfl_depth.evaluation.metrics import METRICS, mean_over_images
from tfl_depth.files import write_whole
from tfl_depth.training.distributed import Hosts
from tfl_depth.training.journal import Journal
from tfl_depth.training.run_folder import read_best, reading
from tfl_depth.training.train_config import TrainConfig

# Files of a run: weights and optimizer after the last whole epoch, the best epoch, its network.
STATE = "state.weights.h5"
BEST = "best.json"
BEST_MODEL = "best.keras"


class Epochs(keras.callbacks.Callback):  # type: ignore[misc]
    """After each epoch: evaluate the averaged weights, keep the best, log, save the state.

    The state is saved last: an interrupted epoch is repeated with the same result. Several hosts
    all do this, since Keras sets weights, and creates some during saving, only on all hosts
    together. The files of the chief are kept.

    Attributes:
        best: metrics of the best epoch, including the epochs before an interruption.
    """

    def __init__(
        self,
        recipe: TrainConfig,
        batches: Batches | RepeatedBatches,
        samples: Sequence[Sample],
        run: Path,
        first_epoch: int,
        hosts: Hosts,
    ) -> None:
        super().__init__()
        self._recipe = recipe
        self._batches = batches
        self._samples = samples
        self._run = run
        self._hosts = hosts
        self._journal = Journal(run, first_epoch)
        self._best_epoch = -1
        self._last_epoch = first_epoch - 1
        self.best: dict[str, float] = {}
        if first_epoch:
            self._best_epoch, self.best = read_best(run / BEST)
            with reading(run / BEST_MODEL):
                (run / BEST_MODEL).stat()

    @property
    def ended(self) -> bool:
        """Whether the run is over: all epochs are done, or none was better for too long."""
        patience = self._recipe.patience_epochs
        without_a_better = self._last_epoch - self._best_epoch
        return self._last_epoch + 1 >= self._recipe.total_epochs or 0 < patience <= without_a_better

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Seed everything random for this epoch."""
        self._batches.start_epoch(epoch)
        # Keras does not save the state of dropout's generators, so each epoch seeds them too.
        for number, layer in enumerate(self.model.layers):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                seed = np.random.default_rng((self._recipe.seed, epoch, number)).integers(2**31)
                generator.state.assign([seed, 0])

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        """Stop at the first batch whose loss is not finite, before anything is kept.

        Raises:
            DepthError: the loss is not finite.
        """
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise self._diverged(f"the loss is {loss} from batch {batch + 1} on")

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Measure the averaged weights, and log the results."""
        rate = float(self.model.optimizer.learning_rate)
        # Training goes on with the latest weights. Their average is measured and kept.
        latest = self.model.get_weights()
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        # On JAX the model and the optimizer would share arrays, and prediction frees the model's.
        self.model.set_weights(self.model.get_weights())
        metrics = mean_over_images(
            evaluate(keras_predictor(self.model), self._samples, DATASETS[self._recipe.dataset])
        )
        if not math.isfinite(metrics["abs_rel"]):
            raise self._diverged(f"abs_rel on the validation images is {metrics['abs_rel']}")
        if not self.best or metrics["abs_rel"] < self.best["abs_rel"]:
            self._best_epoch, self.best = epoch, metrics
            self._keep()
        self.model.set_weights(latest)
        self._last_epoch = epoch
        self.model.stop_training = self.ended
        if self._hosts.chief:
            measured = {f"val_{name}": metrics[name] for name in METRICS}
            self._journal.add(epoch, {"loss": logs["loss"], "learning_rate": rate, **measured})
        self._save(self.model.save_weights, self._run / STATE)
        if self._hosts.chief:
            self._say(logs["loss"], metrics)

    def on_train_end(self, logs: Any = None) -> None:
        """Close the log."""
        self._journal.close()

    def _diverged(self, what: str) -> DepthError:
        recipe = self._recipe
        return DepthError(
            f"Training diverged in epoch {self._last_epoch + 2} of {recipe.total_epochs}: {what}. "
            f"Lower learning_rate ({', '.join(map(str, recipe.learning_rate))}) or raise "
            f"warmup_epochs ({recipe.warmup_epochs}) in the recipe, or look for wrong depth in the "
            f"data. The folder {self._run} keeps the epochs before."
        )

    def _keep(self) -> None:
        self._save(self.model.save, self._run / BEST_MODEL)
        if self._hosts.chief:
            text = json.dumps({"epoch": self._best_epoch, "metrics": self.best}, indent=2) + "\n"
            write_whole(self._run / BEST, text.encode())

    def _say(self, loss: float, metrics: dict[str, float]) -> None:
        epoch, epochs = self._last_epoch, self._recipe.total_epochs
        print(
            f"epoch {epoch + 1}/{epochs}: loss {loss:.4f}, "
            f"val abs_rel {metrics['abs_rel']:.4f}, delta1 {metrics['delta1']:.4f}"
            + (" (best)" if self._best_epoch == epoch else ""),
            flush=True,
        )

    def _save(self, save: Callable[[Path], None], path: Path) -> None:
        """Save a file by Keras: it is complete or does not exist. All hosts must call it."""
        # First in another folder, since HDF5 locks its file.
        with tempfile.TemporaryDirectory() as folder:
            saved = Path(folder, path.name)
            save(saved)
            if self._hosts.chief:
                write_whole(path, saved.read_bytes())
