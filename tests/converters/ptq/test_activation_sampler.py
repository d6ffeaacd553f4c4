"""A kernel's matrix times the sampled patches is what the interpreter computes there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.converters.ptq import graphs
from tfl_depth.converters.graph import GraphRunner, Operator
from tfl_depth.converters.graph.kernels import bias_of, kernel_of
from tfl_depth.converters.ptq.activation_sampler import ActivationSampler
from tfl_depth.converters.ptq.kernel_matrix import KernelMatrix

RANDOM = np.random.default_rng(3)
FEATURES = graphs.tensor("features", 1, 11, 14, 6)
SAME, VALID = graphs.SAME, graphs.VALID


def normal(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def conv(groups: int = 1, **settings: Any) -> Operator:
    stride, dilation = settings.get("stride", 1), settings.get("dilation", 1)
    reach = 2 * dilation + 1
    sizes = (11, 14)
    if settings.get("padding", SAME) == SAME:
        out = tuple(-(-size // stride) for size in sizes)
    else:
        out = tuple((size - reach) // stride + 1 for size in sizes)
    return graphs.conv(FEATURES, normal(8, 3, 3, 6 // groups), normal(8), out, **settings)


def transposed(stride: int, padding: int, kernel: int) -> Operator:
    if padding == SAME:
        out = (11 * stride, 14 * stride)
    else:
        out = ((11 - 1) * stride + kernel, (14 - 1) * stride + kernel)
    kernel_values = normal(5, kernel, kernel, 6)
    return graphs.transposed(
        FEATURES, kernel_values, normal(5), out, stride=stride, padding=padding
    )


CASES: dict[str, Callable[[], Operator]] = {
    "conv": conv,
    "conv stride 2": lambda: conv(stride=2),
    "conv dilated": lambda: conv(dilation=2),
    "conv valid": lambda: conv(padding=VALID),
    "conv valid stride 3": lambda: conv(padding=VALID, stride=3),
    "conv grouped": lambda: conv(groups=2),
    "depthwise": lambda: graphs.depthwise(FEATURES, normal(1, 5, 5, 6), normal(6), (11, 14)),
    "depthwise multiplied": lambda: graphs.depthwise(
        FEATURES, normal(1, 3, 3, 12), normal(12), (6, 7), stride=2
    ),
    "dense": lambda: graphs.dense(FEATURES, normal(7, 6), normal(7)),
    "transposed same": lambda: transposed(2, SAME, 3),
    "transposed same even": lambda: transposed(2, SAME, 4),
    "transposed valid": lambda: transposed(2, VALID, 3),
    "transposed sparse": lambda: transposed(3, SAME, 2),
}


@pytest.mark.parametrize("case", CASES)
def test_patches_times_matrix_is_the_output(case: str) -> None:
    operator = CASES[case]()
    images = [normal(1, 11, 14, 6) for _ in range(2)]
    runner = GraphRunner(graphs.graph_of(FEATURES, operator))
    outputs = [runner({FEATURES: image})[operator.output] for image in images]
    sampler, matrix = ActivationSampler(operator, len(images)), KernelMatrix(operator)
    x = matrix.patches(sampler.patches(np.stack(images)))
    weights = matrix.weights(kernel_of(operator).constant)
    bias = bias_of(operator)
    assert bias is not None
    computed = x @ np.swapaxes(weights, 1, 2) + matrix.outputs(bias.constant)[:, None]
    expected = np.concatenate([sampler.outputs(i, values) for i, values in enumerate(outputs)])
    np.testing.assert_allclose(computed, matrix.outputs(expected), atol=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_a_kernel_comes_back_from_its_matrix(case: str) -> None:
    operator = CASES[case]()
    matrix, kernel = KernelMatrix(operator), kernel_of(operator).constant
    np.testing.assert_array_equal(matrix.kernel(matrix.weights(kernel)), kernel)
