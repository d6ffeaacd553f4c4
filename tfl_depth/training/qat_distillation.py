"""Training at int8: the quantized network learns the output of the float network.

Quantization-aware training (B. Jacob et al., "Quantization and Training of Neural Networks for
Efficient Integer-Arithmetic-Only Inference", CVPR 2018) with the float network as the teacher (A.
Polino, R. Pascanu and D. Alistarh, "Model Compression via Distillation and Quantization", ICLR
2018). It needs photos and no labels. Batch normalization is folded before. Weights are trained in
units of their int8 steps, so that one learning rate is right for all kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

from tfl_depth.converters.graph import Graph, GraphRunner, Operator, Quantization, Tensor, constant
from tfl_depth.converters.graph.kernels import (
    KERNEL_OPERATORS,
    bias_of,
    has_kernel,
    kernel_of,
    set_bias,
    set_kernel,
)
from tfl_depth.converters.ptq.progress import Progress
from tfl_depth.converters.ptq.weight_grid import dequantized, step_axis
from tfl_depth.converters.quantize.parameters import WEIGHT_LEVELS, kernel_scales
from tfl_depth.converters.quantize.scales import choose_scales
from tfl_depth.losses import log_l1
from tfl_depth.training.graph_operators import compute, refuse_unknown

BATCH = 8
# The highest learning rate, in int8 steps for each update: a weight can move by several codes.
RATE = 0.01
# Share of the updates in which the learning rate rises.
WARM_UP = 0.05

Floats = npt.NDArray[np.float32]
Range = tuple[float, float]


@dataclass(frozen=True)
class QatSetup:
    """The parameters of the quantization that a network is trained for.

    Attributes:
        ranges: of each computed float tensor.
        pinned: ranges that the quantization must have exactly.
        exact: kernels that are not trained, with their steps.
        per_channel: whether each output channel of a kernel has its own step.
    """

    ranges: Mapping[Tensor, Range]
    pinned: Mapping[Tensor, Range]
    exact: Mapping[Tensor, float]
    per_channel: bool


def distill_at_int8(
    graph: Graph,
    setup: QatSetup,
    images: Sequence[Floats],
    teacher: Graph,
    *,
    updates: int,
    progress: Progress,
) -> None:
    """Train the kernels' codes and the biases of a graph, in place.

    The trained weights are multiples of the same steps as before, so the writer does not change
    them.

    Args:
        graph: float, with one output, depth in meters. Its weights are multiples of int8 steps.
        setup: the parameters of the quantization.
        images: inputs of the graphs, (1, H, W, 3) each. Their mirror images are used too.
        teacher: the float network, with the same input.
        updates: the least number of training steps. All images are used equally often.
        progress: shows the progress.

    Raises:
        ConversionError: training does not support an operator of the graph.
    """
    refuse_unknown(graph)
    given = _mirrored(images)
    aims = _answers(teacher, given)
    quantized = QuantizedGraph(graph, setup)
    (source,) = graph.inputs.values()
    pixels = keras.Input(source.shape[1:])
    student = keras.Model(pixels, quantized(pixels))
    _fit(student, given, aims, updates, progress)
    quantized.write_back()


def _mirrored(images: Sequence[Floats]) -> Floats:
    """The images and their mirror images, (N, H, W, 3)."""
    photos = np.concatenate(list(images))
    # Shuffled here: Keras would take another order each time, and the file would differ.
    both = np.concatenate([photos, photos[:, :, ::-1]])
    return np.asarray(np.random.default_rng(0).permutation(both))


def _answers(teacher: Graph, images: Floats) -> Floats:
    (source,), (output,) = teacher.inputs.values(), teacher.outputs.values()
    runner = GraphRunner(teacher)
    return np.concatenate([runner({source: image[None]})[output] for image in images])


def _fit(
    student: keras.Model, images: Floats, aims: Floats, updates: int, progress: Progress
) -> None:
    batch = min(BATCH, len(images))
    batches = -(-len(images) // batch)
    epochs = -(-updates // batches)
    total = epochs * batches
    bar = iter(progress(range(total), total, "train at int8"))
    warm_up = round(WARM_UP * total)
    rate = keras.optimizers.schedules.CosineDecay(
        RATE / 100, total - warm_up, warmup_target=RATE, warmup_steps=warm_up
    )
    # XLA's CPU convolutions are several times slower than TensorFlow's own.
    student.compile(keras.optimizers.Adam(rate), loss=log_l1, jit_compile=False)
    shown = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: next(bar, None))
    student.fit(images, aims, batch, epochs, verbose=0, callbacks=[shown], shuffle=False)


class QuantizedGraph(layers.Layer):  # type: ignore[misc]
    """A float graph as a layer, with feature maps rounded to int8 and trainable kernels."""

    def __init__(self, graph: Graph, setup: QatSetup) -> None:
        """Create the variables of all kernels.

        Args:
            graph: `write_back` changes its kernels and biases.
            setup: the parameters of the quantization.
        """
        super().__init__()
        self._graph = graph
        self._scales = choose_scales(graph, setup.ranges, setup.pinned, bits=8)
        trained = [
            op for op in graph.operators if has_kernel(op) and kernel_of(op) not in setup.exact
        ]
        self._kernels = {
            op: TrainedKernel(op, self._scales[op.output], self.add_weight, setup.per_channel)
            for op in trained
        }

    def call(self, inputs: Any) -> Any:
        """Depth (N, h, w, 1) of images (N, H, W, 3), which are inputs of the graph."""
        (source,), (output,) = self._graph.inputs.values(), self._graph.outputs.values()
        values = {source: inputs}
        for operator in self._graph.operators:
            result = compute(operator, self._inputs(operator, values))
            values[operator.output] = self._rounded(operator.output, result)
        return values[output]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Shape of the depth for a shape of images."""
        (output,) = self._graph.outputs.values()
        return (input_shape[0], *output.shape[1:])

    def write_back(self) -> None:
        """Write the trained kernels and biases into the graph."""
        for operator, trained in self._kernels.items():
            kernel, bias = kernel_of(operator), bias_of(operator)
            set_kernel(operator, constant(kernel.name, trained.kernel()))
            name = f"{kernel.name}_bias" if bias is None else bias.name
            set_bias(operator, constant(name, trained.bias()))

    def _inputs(self, operator: Operator, values: Mapping[Tensor, Any]) -> list[Any]:
        found = [_value(tensor, values) for tensor in operator.inputs]
        if operator in self._kernels:
            places = KERNEL_OPERATORS[operator.kind]
            found += [None] * (places.bias + 1 - len(found))
            found[places.kernel], found[places.bias] = self._kernels[operator].tensors()
        return found

    def _rounded(self, tensor: Tensor, value: Any) -> Any:
        (output,) = self._graph.outputs.values()
        # The head that follows has finer steps than a feature map.
        if tensor is output or tensor not in self._scales:
            return value
        scale, zero_point = self._scales[tensor].scales[0], self._scales[tensor].zero_points[0]
        ends = (-128 - zero_point) * scale, (127 - zero_point) * scale
        return keras.quantizers.fake_quant_with_min_max_vars(value, *ends)


def _value(tensor: Tensor | None, values: Mapping[Tensor, Any]) -> Any:
    if tensor is None:
        return None
    return ops.convert_to_tensor(tensor.constant) if tensor.is_constant else values[tensor]


class TrainedKernel:
    """The trainable kernel and bias of an operator. Weights are multiples of the int8 steps.

    The gradient ignores the rounding (straight-through estimator: Y. Bengio, N. Leonard and A.
    Courville, "Estimating or Propagating Gradients Through Stochastic Neurons", 2013). Weights with
    the largest code are not trained: the writer derives the step from them.
    """

    def __init__(
        self,
        operator: Operator,
        output: Quantization,
        add_weight: Callable[..., Any],
        per_channel: bool,
    ) -> None:
        """Start with the operator's kernel and bias.

        Args:
            operator: one with a kernel.
            output: quantization of its output. Changes of the bias are in units of its step.
            add_weight: creates a variable.
            per_channel: whether each output channel has its own step.
        """
        kernel, bias = kernel_of(operator).constant, bias_of(operator)
        self._axis = KERNEL_OPERATORS[operator.kind].channel_axis
        channels = kernel.shape[self._axis]
        scales = kernel_scales(kernel, step_axis(operator, per_channel=per_channel))
        self._scales = np.broadcast_to(scales, channels)
        self._step = np.float32(self._scales.reshape(_along(self._axis, kernel.ndim)))
        self._codes = np.asarray(kernel / self._step, np.float32)
        self._free = (np.abs(np.rint(self._codes)) < WEIGHT_LEVELS).astype(np.float32)
        self._bias = np.zeros(channels, np.float32) if bias is None else bias.constant
        self._bias_step = np.float32(output.scales[0])
        self._change = add_weight(shape=kernel.shape, initializer="zeros")
        self._shift = add_weight(shape=(channels,), initializer="zeros")

    def tensors(self) -> tuple[Any, Any]:
        """The rounded kernel, and the bias."""
        codes = ops.clip(self._change * self._free + self._codes, -WEIGHT_LEVELS, WEIGHT_LEVELS)
        rounded = codes + ops.stop_gradient(ops.round(codes) - codes)
        return rounded * self._step, self._bias + self._shift * self._bias_step

    def kernel(self) -> Floats:
        """The trained kernel, rounded."""
        codes = self._codes + self._free * ops.convert_to_numpy(self._change)
        levels = np.clip(np.rint(codes), -WEIGHT_LEVELS, WEIGHT_LEVELS).astype(np.int8)
        return dequantized(levels, self._scales, self._axis)

    def bias(self) -> Floats:
        """The trained bias."""
        shift = ops.convert_to_numpy(self._shift)
        return np.asarray(self._bias + self._bias_step * shift, np.float32)


def _along(axis: int, dimensions: int) -> list[int]:
    """The shape that broadcasts channels along an axis."""
    return [-1 if place == axis else 1 for place in range(dimensions)]
