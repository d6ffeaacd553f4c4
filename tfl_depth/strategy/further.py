"""Networks with another head, trained a little further on the truth, each alike."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from tfl_depth.converters.canonical import canonical
from tfl_depth.converters.prepare import Network
from tfl_depth.data.augment import Augmentation
from tfl_depth.data.batches import Batches, at_size_of
from tfl_depth.models.dual_head import last_features
from tfl_depth.strategy.heads import Head
from tfl_depth.strategy.subject import Subject

BATCH = 8
# A tenth of what trained the zoo's: the network is there already, its head is not.
RATE = 1e-4
# Images on whose features a head's weights are first solved for.
FIRST_LOOK = 32
RIDGE = 1e-3


def trained_further(subject: Subject, head: Head) -> keras.Model:
    """The checkpoint with a head, from normalised pixels (N, H, W, 3) to its outputs by name.

    The head begins where linear regression puts it, so that a few hundred updates are enough; batch
    normalisation stays folded.
    """
    body = canonical(subject.network.body)
    model = keras.Model(body.inputs, head.on(last_features(body)))
    _solve_head(model, body, head, subject)
    samples = subject.training[: BATCH * subject.effort.updates]
    batches = Batches(
        samples, subject.size, BATCH, augmentation=Augmentation(max_zoom=1.25, zoom_share=0.5)
    )
    epochs = max(1, round(subject.effort.updates / len(batches)))
    student = _joined(Network(model, subject.network.normalisation).on_pixels(), head)
    bar = iter(subject.progress(range(epochs * len(batches)), epochs * len(batches), "train"))
    student.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(RATE, epochs * len(batches)), global_clipnorm=1.0
        ),
        loss=_loss(head),
        # XLA's CPU convolutions are several times slower than TensorFlow's own.
        jit_compile=False,
    )
    begin = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: batches.start_epoch(epoch),
        on_train_batch_end=lambda batch, logs: next(bar, None),
    )
    student.fit(batches, epochs=epochs, shuffle=False, verbose=0, callbacks=[begin])
    return model


def _solve_head(model: keras.Model, body: keras.Model, head: Head, subject: Subject) -> None:
    """Let the head's convolutions say the checkpoint's own depth, by ridge regression."""
    pixels = subject.training_inputs(FIRST_LOOK)
    looking = keras.Model(body.inputs, [last_features(body), body.outputs[0]])
    features, depth = (np.asarray(each) for each in looking.predict(pixels, BATCH, verbose=0))
    x = features.reshape(-1, features.shape[-1]).astype(np.float64)
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    gram = x.T @ x
    gram += RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    for name, aim in head.aims(np.maximum(depth, 0)).items():
        solved = np.linalg.solve(gram, x.T @ aim.reshape(-1, 1).astype(np.float64))
        model.get_layer(f"{name}_head").set_weights([solved[:-1].reshape(1, 1, -1, 1), solved[-1]])


def _joined(model: keras.Model, head: Head) -> keras.Model:
    """One output of a channel for each of the head's, for one loss over all of them."""
    outputs = [model.output[name] for name in head.outputs]
    joined = outputs[0] if len(outputs) == 1 else keras.layers.Concatenate()(outputs)
    return keras.Model(model.inputs, joined)


def _loss(head: Head) -> Any:
    def loss(depth_true: Any, joined: Any) -> Any:
        values = {name: joined[..., i : i + 1] for i, name in enumerate(head.outputs)}
        return head.loss(at_size_of(depth_true, ops.convert_to_tensor(joined)), values)

    return loss


def say(model: keras.Model, inputs: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
    """The outputs of a network with a head, each (N, h, w)."""
    said = model.predict(inputs, BATCH, verbose=0)
    return {name: np.asarray(value, np.float32)[..., 0] for name, value in said.items()}
