"""Bias correction: subtract the change of a channel's mean by rounding from its bias.

M. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (ICCV
2019), section 4.2, with the means measured on the calibration images (their appendix D).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, GraphRunner, Operator, constant
from tfl_depth.converters.graph.kernels import bias_of, kernel_of, set_bias, set_kernel
from tfl_depth.converters.ptq.context import QuantizationContext
from tfl_depth.converters.ptq.layerwise import images_that_fit, run_layerwise
from tfl_depth.converters.ptq.weight_grid import nearest_kernel


def correct_biases(context: QuantizationContext) -> None:
    """Round every kernel to the nearest codes, and restore the means of its channels."""
    graph = context.graph
    images = context.images[: images_that_fit(graph, len(context.images))]
    operators = context.operators()
    runner = GraphRunner(graph, [operator.output for operator in operators])
    (source,) = graph.inputs.values()
    means = {operator: np.zeros(operator.output.shape[-1]) for operator in operators}
    for image in images:
        values = runner({source: image})
        for operator in operators:
            means[operator] += _mean(values[operator.output]) / len(images)

    def correct(operator: Operator, maps: Any) -> None:
        if operator in means:
            rounded = nearest_kernel(operator, per_channel=context.per_channel)
            set_kernel(operator, constant(kernel_of(operator).name, rounded))
            _shift_bias(operator, means[operator] - _means_now(graph, operator, maps))

    run_layerwise(graph, images, correct)


def _means_now(graph: Graph, operator: Operator, maps: Any) -> npt.NDArray[np.float64]:
    features = next(t for t in operator.inputs if t is not None and not t.is_constant)
    alone = GraphRunner(Graph({}, {}, [operator]), [operator.output], inputs=[features])
    found = [_mean(alone({features: image})[operator.output]) for image in maps]
    return np.asarray(np.mean(found, axis=0))


def _mean(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    return np.asarray(values.reshape(-1, values.shape[-1]).mean(axis=0, dtype=np.float64))


def _shift_bias(operator: Operator, shift: npt.NDArray[np.float64]) -> None:
    bias, kernel = bias_of(operator), kernel_of(operator)
    if bias is None:
        set_bias(operator, constant(f"{kernel.name}_bias", shift))
    else:
        set_bias(operator, constant(bias.name, bias.constant + shift))
