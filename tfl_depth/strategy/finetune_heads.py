"""Keras networks with another head, trained a little further, all in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tfl_depth.strategy.study_input import StudyInput
from tfl_depth.strategy.trainable import on_pixels, trainable_model
from tfl_depth.strategy.trained_heads import TrainedHead

if TYPE_CHECKING:
    import keras

BATCH = 8
# A tenth of the zoo's rate: the network is trained already, only its head is new.
RATE = 1e-4
# Images for the linear regression of a head's first weights.
FIRST_IMAGES = 32
RIDGE = 1e-3
ZOOM = {"max_zoom": 1.25, "zoom_share": 0.5}

Floats = npt.NDArray[np.float32]


def finetune_heads(study_input: StudyInput, head: TrainedHead) -> keras.Model:
    """A study's network with a head, from pixels (N, H, W, 3) of 0 to 255 to its outputs by name.

    The head starts from a linear regression, so that a few hundred updates are enough. Batch
    normalization is not trained.

    Raises:
        ConversionError: the network cannot be trained.
    """
    import keras

    from tfl_depth.models.dual_head import last_features

    base = trainable_model(study_input)
    features = last_features(base)
    looking = on_pixels(keras.Model(base.inputs, [features, base.outputs[0]]), study_input.options)
    outputs = head.on(features)
    inside = keras.Model(base.inputs, outputs)
    _solve_head(inside, looking, head, study_input)
    model = on_pixels(inside, study_input.options)
    _train(model, head, study_input)
    return model


def _train(model: keras.Model, head: TrainedHead, study_input: StudyInput) -> None:
    import keras

    from tfl_depth.data.augment import Augmentation
    from tfl_depth.data.batches import Batches

    effort = study_input.effort
    samples = study_input.training[: BATCH * effort.updates]
    batch = min(BATCH, len(samples))
    size = tuple(model.inputs[0].shape[1:3])
    batches = Batches(samples, size, batch, augmentation=Augmentation(**ZOOM))
    epochs = max(1, round(effort.updates / len(batches)))
    updates = epochs * len(batches)
    bar = iter(study_input.progress(range(updates), updates, "train"))
    student = _joined(model, head)
    rate = keras.optimizers.schedules.CosineDecay(RATE, updates)
    # XLA's CPU convolutions are several times slower than TensorFlow's own.
    student.compile(
        keras.optimizers.Adam(rate, global_clipnorm=1.0), loss=_loss(head), jit_compile=False
    )
    each = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: batches.start_epoch(epoch),
        on_train_batch_end=lambda batch, logs: next(bar, None),
    )
    student.fit(batches, epochs=epochs, shuffle=False, verbose=0, callbacks=[each])


def _solve_head(
    model: keras.Model, looking: keras.Model, head: TrainedHead, study_input: StudyInput
) -> None:
    """Fit the head's convolutions to the network's own depth by ridge regression."""
    from tfl_depth.runtime.fit import fit_photo

    size = tuple(model.inputs[0].shape[1:3])
    samples = study_input.training[:FIRST_IMAGES]
    pixels = np.stack([fit_photo(each.rgb, size) for each in samples]).astype(np.float32)
    features, depth_m = (np.asarray(each) for each in looking.predict(pixels, BATCH, verbose=0))
    solved = ridge_regression(features, head.targets(np.maximum(depth_m, 0)))
    for name, weights in solved.items():
        model.get_layer(f"{name}_head").set_weights(weights)


def ridge_regression(
    features: Floats, targets: Mapping[str, npt.NDArray[Any]], *, ridge: float = RIDGE
) -> dict[str, list[npt.NDArray[np.float64]]]:
    """Kernel (1, 1, C, 1) and bias (1,) of a 1x1 convolution for each target.

    Args:
        features: (N, h, w, C).
        targets: (N, h, w, 1) each.
        ridge: weight of the regularization, relative to the features' mean square.
    """
    x = features.reshape(-1, features.shape[-1]).astype(np.float64)
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    gram = x.T @ x
    gram += ridge * np.trace(gram) / len(gram) * np.eye(len(gram))
    found = {}
    for name, target in targets.items():
        solved = np.linalg.solve(gram, x.T @ target.reshape(-1, 1).astype(np.float64))
        found[name] = [solved[:-1].reshape(1, 1, -1, 1), solved[-1]]
    return found


def _joined(model: keras.Model, head: TrainedHead) -> keras.Model:
    """Concatenate the outputs of the head, for one loss over all of them."""
    import keras

    outputs = [model.output[name] for name in head.outputs]
    joined = outputs[0] if len(outputs) == 1 else keras.layers.Concatenate()(outputs)
    return keras.Model(model.inputs, joined)


def _loss(head: TrainedHead) -> Any:
    from keras import ops

    from tfl_depth.data.batches import at_size_of

    def loss(depth_true: Any, joined: Any) -> Any:
        values = {name: joined[..., i : i + 1] for i, name in enumerate(head.outputs)}
        return head.loss(at_size_of(depth_true, ops.convert_to_tensor(joined)), values)

    return loss
