"""Training at int8: the network as it will be quantized learns to give what the float one gives.

Quantization-aware training (B. Jacob et al., "Quantization and Training of Neural Networks for
Efficient Integer-Arithmetic-Only Inference", CVPR 2018) with the float network as the teacher (A.
Polino, R. Pascanu and D. Alistarh, "Model Compression via Distillation and Quantization", ICLR
2018): it needs photos and no labels. Batch normalization is folded already, and what is trained is
counted in steps of the grids, so that one rate fits all kernels.
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
# In steps of the grids an update: enough to cross several codes, and nothing at the end.
RATE = 0.01
# Share of the updates in which the rate rises.
WARM_UP = 0.05

Floats = npt.NDArray[np.float32]
Range = tuple[float, float]


@dataclass(frozen=True)
class QatSetup:
    """What decides the int8 codes that a network is trained for.

    Attributes:
        ranges: of each computed float tensor.
        pinned: ranges that must be met exactly.
        exact: kernels that stay as they are, and their steps.
        per_channel: whether each output channel of a kernel has a step of its own.
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

    The trained kernels lie on the int8 grids that they had, so that the writer keeps them.

    Args:
        graph: float, with one output, depth in meters; its kernels lie on int8 grids already.
        setup: what decides the codes.
        images: as the graphs take them, (1, H, W, 3) each; they are mirrored as well.
        teacher: the float network, of the same input.
        updates: how many there are at least; whole passes through the images.
        progress: shows how far it has come.

    Raises:
        ConversionError: the graph has an operator that is not known here.
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
    # Mixed here: Keras would draw another order each time, and make another file.
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
    """A float graph as a layer, its feature maps in int8 and its kernels trained on their grids."""

    def __init__(self, graph: Graph, setup: QatSetup) -> None:
        """Make the trained variables of all kernels.

        Args:
            graph: `write_back` changes its kernels and biases.
            setup: what decides the codes.
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
        """Depth (N, h, w, 1) of images (N, H, W, 3) as the graph takes them."""
        (source,), (output,) = self._graph.inputs.values(), self._graph.outputs.values()
        values = {source: inputs}
        for operator in self._graph.operators:
            result = compute(operator, self._inputs(operator, values))
            values[operator.output] = self._rounded(operator.output, result)
        return values[output]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Of the depth, for a shape of images."""
        (output,) = self._graph.outputs.values()
        return (input_shape[0], *output.shape[1:])

    def write_back(self) -> None:
        """Give the graph the trained kernels and biases."""
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
        # The head that the network gets codes its output finer than a feature map.
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
    """The kernel of an operator on its int8 grid, and its bias, as they are trained.

    The gradient passes the rounding as if it were not there (Y. Bengio, N. Leonard and A.
    Courville, "Estimating or Propagating Gradients Through Stochastic Neurons", 2013). Weights at
    the ends of the grid stay there: by them the writer finds the same grid.
    """

    def __init__(
        self,
        operator: Operator,
        output: Quantization,
        add_weight: Callable[..., Any],
        per_channel: bool,
    ) -> None:
        """Begin where the operator's kernel and bias are.

        Args:
            operator: with a kernel.
            output: of its result; a change of the bias is counted in its steps.
            add_weight: makes a variable.
            per_channel: whether each output channel has a step of its own.
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
        """Kernel, rounded to its grid, and bias."""
        codes = ops.clip(self._change * self._free + self._codes, -WEIGHT_LEVELS, WEIGHT_LEVELS)
        rounded = codes + ops.stop_gradient(ops.round(codes) - codes)
        return rounded * self._step, self._bias + self._shift * self._bias_step

    def kernel(self) -> Floats:
        """The trained kernel, on its grid."""
        codes = self._codes + self._free * ops.convert_to_numpy(self._change)
        levels = np.clip(np.rint(codes), -WEIGHT_LEVELS, WEIGHT_LEVELS).astype(np.int8)
        return dequantized(levels, self._scales, self._axis)

    def bias(self) -> Floats:
        """The trained bias."""
        shift = ops.convert_to_numpy(self._shift)
        return np.asarray(self._bias + self._bias_step * shift, np.float32)


def _along(axis: int, dimensions: int) -> list[int]:
    """The shape that lays channels along an axis."""
    return [-1 if place == axis else 1 for place in range(dimensions)]
