"""Fine-tuning at int8: the network as it will be quantised learns to say what the float one says.

Quantisation-aware training (B. Jacob et al., "Quantization and Training of Neural Networks for
Efficient Integer-Arithmetic-Only Inference", CVPR 2018) with the float network as the teacher (A.
Polino, R. Pascanu and D. Alistarh, "Model Compression via Distillation and Quantization", ICLR
2018): it needs photos and no labels. Batch normalisation is folded already, and what is trained is
counted in steps of the grids, so that one rate fits all layers.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

from tfl_depth.converters.canonical import is_depthwise
from tfl_depth.converters.keras_graph import CONVOLUTIONS, only_consumer
from tfl_depth.converters.ranges import with_ranges
from tfl_depth.converters.weights.grid import LEVELS, largest, nearest
from tfl_depth.converters.workpiece import Images, Workpiece
from tfl_depth.losses import log_l1

BATCH = 8
# Over the photos and their mirror images.
EPOCHS = 8
# In steps of the grids an update: enough to cross several codes, and nothing at the end.
RATE = 0.01
# Share of the updates in which the rate rises.
WARM_UP = 0.05
# A convolution's output has 255 steps; a bias is counted in them.
CODES = 255


def distil(work: Workpiece) -> None:
    """Train the codes of kernels, and biases, with feature maps in the ranges that were chosen."""
    images, depth = _lessons(work)
    trained: dict[str, OnGrid] = {}

    def replace(layer: Any) -> Any:
        if not isinstance(layer, CONVOLUTIONS) or not work.chosen(layer):
            return None
        low, high = _range_behind(work, layer, depth)
        step = largest(layer.get_weights()[0], layer, per_channel=work.per_channel) / LEVELS
        trained[layer.name] = OnGrid(layer, step, (high - low) / CODES)
        return trained[layer.name]

    _fit(with_ranges(work.network, work.ranges, batch=None, replace=replace), images, depth, work)
    for name, layer in trained.items():
        work.network.get_layer(name).set_weights(layer.learned())


def _lessons(work: Workpiece) -> tuple[Images, Images]:
    """Images, mirrored ones as well, and what the float network says of them, in metres."""
    photos = work.photos()
    images = np.concatenate([photos, photos[:, :, ::-1]])
    # Mixed here: Keras would draw another order each time, and make another file.
    images = np.random.default_rng(0).permutation(images)
    return images, np.asarray(work.reference.predict(images, BATCH, verbose=0))


def _range_behind(work: Workpiece, layer: Any, depth: Images) -> tuple[float, float]:
    """The range of what a convolution gives, or of what its activation makes of that."""
    after = only_consumer(work.network, layer)
    names = [layer.name] if after is None else [layer.name, after.name]
    found = [work.ranges[name] for name in names if name in work.ranges]
    return found[0] if found else (float(depth.min()), float(depth.max()))


def _fit(student: keras.Model, images: Images, depth: Images, work: Workpiece) -> None:
    updates = EPOCHS * -(-len(images) // BATCH)
    bar = iter(work.progress(range(updates), updates, "distil"))
    warm_up = round(WARM_UP * updates)
    rate = keras.optimizers.schedules.CosineDecay(
        RATE / 100, updates - warm_up, warmup_target=RATE, warmup_steps=warm_up
    )
    # XLA's CPU convolutions are several times slower than TensorFlow's own.
    student.compile(keras.optimizers.Adam(rate), loss=log_l1, jit_compile=False)
    shown = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: next(bar, None))
    student.fit(images, depth, BATCH, EPOCHS, verbose=0, callbacks=[shown], shuffle=False)


class OnGrid(layers.Layer):  # type: ignore[misc]
    """A convolution whose kernel is rounded to its grid, and trained through the rounding.

    The gradient passes the rounding as if it were not there (Y. Bengio, N. Leonard and A.
    Courville, "Estimating or Propagating Gradients Through Stochastic Neurons", 2013). Weights at
    the ends of the grid stay there: by them the converter finds the same grid.

    Args:
        layer: linear, with a bias: its weights are where the training begins.
        step: of the grid, to be broadcast over the kernel.
        bias_step: what a change of the bias is counted in.
    """

    def __init__(self, layer: Any, step: npt.NDArray[Any], bias_step: float) -> None:
        super().__init__(name=f"{layer.name}_on_grid")
        kernel, self._bias = layer.get_weights()
        self._step, self._bias_step = step, bias_step
        self._codes = np.asarray(kernel / step, np.float32)
        self._free = (np.abs(np.rint(self._codes)) < LEVELS).astype(np.float32)
        self.change = self.add_weight(shape=kernel.shape, initializer="zeros", name="change")
        self.shift = self.add_weight(shape=self._bias.shape, initializer="zeros", name="shift")
        # No reference to the layer: Keras would train its weights as this one's.
        self.compute_output_shape = layer.compute_output_shape
        self._convolve = partial(
            ops.depthwise_conv if is_depthwise(layer) else ops.conv,
            strides=layer.strides,
            padding=layer.padding,
            data_format="channels_last",
            dilation_rate=layer.dilation_rate,
        )

    def call(self, inputs: Any) -> Any:
        """Convolve with the rounded kernel."""
        codes = ops.clip(self.change * self._free + self._codes, -LEVELS, LEVELS)
        rounded = codes + ops.stop_gradient(ops.round(codes) - codes)
        return (
            self._convolve(inputs, rounded * self._step) + self._bias + self.shift * self._bias_step
        )

    def learned(self) -> list[npt.NDArray[np.float32]]:
        """Kernel, on its grid, and bias."""
        codes = self._codes + self._free * ops.convert_to_numpy(self.change)
        bias = self._bias + self._bias_step * ops.convert_to_numpy(self.shift)
        return [nearest(codes * self._step, self._step), bias.astype(np.float32)]
