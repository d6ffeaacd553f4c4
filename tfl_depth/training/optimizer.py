"""The optimizer: AdamW with cosine cycles, clipped gradients and averaged weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras

from tfl_depth.models.decoder import DECODER_LAYERS
from tfl_depth.training.train_config import TrainConfig


def make_optimizer(recipe: TrainConfig, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """The optimizer of a run. Its learning rate depends only on its number of steps."""
    optimizer = EncoderDecoderAdamW(
        CosineCycles(
            [epochs * steps_per_epoch for epochs in recipe.epochs],
            recipe.learning_rate,
            math.ceil(recipe.warmup_epochs * steps_per_epoch),
        ),
        encoder_rate=recipe.encoder_rate,
        weight_decay=recipe.weight_decay,
        global_clipnorm=1.0,
        use_ema=True,
        ema_momentum=recipe.ema_momentum,
    )
    # Only kernels of convolutions decay: a smaller scale or offset does not regularize.
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


@keras.saving.register_keras_serializable("tfl_depth")
class CosineCycles(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Cycles: each warms up and then decays to zero by half a cosine.

    I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (ICLR 2017).

    Args:
        steps: number of steps of each cycle, including its warm-up.
        peaks: learning rate of each cycle after its warm-up.
        warmup_steps: number of steps of each warm-up, linear from a hundredth of the peak.
    """

    def __init__(self, steps: Sequence[int], peaks: Sequence[float], warmup_steps: int) -> None:
        self.steps, self.peaks, self.warmup_steps = list(steps), list(peaks), warmup_steps
        self._starts = [sum(self.steps[:cycle]) for cycle in range(len(self.steps))]
        self._cycles = [
            keras.optimizers.schedules.CosineDecay(
                initial_learning_rate=peak / 100,
                warmup_target=peak,
                warmup_steps=warmup_steps,
                decay_steps=count - warmup_steps,
            )
            for count, peak in zip(self.steps, self.peaks, strict=True)
        ]

    def __call__(self, step: Any) -> Any:
        """The learning rate of a step, counted from 0 over all cycles."""
        rate = self._cycles[0](step)
        for start, cycle in zip(self._starts[1:], self._cycles[1:], strict=True):
            rate = keras.ops.where(step >= start, cycle(step - start), rate)
        return rate

    def get_config(self) -> dict[str, Any]:
        """What the constructor takes."""
        return {"steps": self.steps, "peaks": self.peaks, "warmup_steps": self.warmup_steps}


@keras.saving.register_keras_serializable("tfl_depth")
class EncoderDecoderAdamW(keras.optimizers.AdamW):  # type: ignore[misc]
    """AdamW with a smaller learning rate for the encoder, whose weights are trained already.

    Args:
        learning_rate: for the decoder.
        encoder_rate: ratio of the encoder's learning rate to the decoder's.
        **kwargs: arguments of `keras.optimizers.AdamW`.
    """

    def __init__(self, learning_rate: Any, encoder_rate: float = 1.0, **kwargs: Any) -> None:
        super().__init__(learning_rate, **kwargs)
        self.encoder_rate = encoder_rate
        self._shares: tuple[float, ...] = ()

    def build(self, variables: list[keras.Variable]) -> None:
        """Find out which variables belong to the decoder."""
        super().build(variables)
        self._shares = tuple(
            1.0 if variable.path.startswith(DECODER_LAYERS) else self.encoder_rate
            for variable in variables
        )

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """One step of one variable."""
        share = self._shares[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * share)

    def get_config(self) -> dict[str, Any]:
        """What the constructor takes."""
        return {**super().get_config(), "encoder_rate": self.encoder_rate}
