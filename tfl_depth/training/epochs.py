"""What happens between two epochs: measure, keep the best, write down, save the state."""

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
from tfl_depth.errors import DepthError
from tfl_depth.evaluation.evaluate import evaluate, keras_predictor
from tfl_depth.evaluation.metrics import METRICS, mean_over_images
from tfl_depth.files import write_whole
from tfl_depth.training.distributed import Hosts
from tfl_depth.training.journal import Journal
from tfl_depth.training.run_folder import read_best, reading
from tfl_depth.training.train_config import TrainConfig

# In a run's folder: the last whole epoch's weights and optimizer; the best epoch and its network.
STATE = "state.weights.h5"
BEST = "best.json"
BEST_MODEL = "best.keras"


class Epochs(keras.callbacks.Callback):  # type: ignore[misc]
    """After each epoch: evaluate the averaged weights, keep the best, log, save the state.

    The state comes last: an epoch that was cut short anywhere is run again and comes out the same.
    Several hosts do all of this, since Keras sets weights, and makes some while it saves, only on
    all of them together; what the chief has written is kept.

    Attributes:
        best: metrics of the best epoch, that of before an interruption included.
    """

    def __init__(
        self,
        recipe: TrainConfig,
        batches: Batches,
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
        """Whether the run is over: all epochs done, or no better one for too long."""
        patience = self._recipe.patience_epochs
        without_a_better = self._last_epoch - self._best_epoch
        return self._last_epoch + 1 >= self._recipe.total_epochs or 0 < patience <= without_a_better

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set everything random to what it is in this epoch."""
        self._batches.start_epoch(epoch)
        # Keras saves no state of dropout's generators: they, too, begin each epoch anew.
        for number, layer in enumerate(self.model.layers):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                seed = np.random.default_rng((self._recipe.seed, epoch, number)).integers(2**31)
                generator.state.assign([seed, 0])

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        """Stop at the first batch whose loss is no number, before anything is kept.

        Raises:
            DepthError: it is none.
        """
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise self._diverged(f"the loss is {loss} from batch {batch + 1} on")

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Measure the averaged weights, and write down what came out."""
        rate = float(self.model.optimizer.learning_rate)
        # In training the weights are the latest; what is measured and kept is their average.
        latest = self.model.get_weights()
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        # On JAX the two would share arrays now, and prediction frees the model's: copy them.
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
        """Close what was written."""
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
        """Let Keras save a file that is whole or not there. All hosts must take part."""
        # In a folder of its own: HDF5 locks the file that it writes.
        with tempfile.TemporaryDirectory() as folder:
            saved = Path(folder, path.name)
            save(saved)
            if self._hosts.chief:
                write_whole(path, saved.read_bytes())
