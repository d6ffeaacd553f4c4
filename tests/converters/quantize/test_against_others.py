"""The writer beside other tools: the same network and ranges in, the same values out."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tfl_depth.converters.graph import Graph, GraphRunner, Tensor, read_graph, write_graph
from tfl_depth.converters.ptq.range_estimation import estimate_ranges, minmax
from tfl_depth.converters.ptq.statistics import observe
from tfl_depth.converters.quantize import QuantizationPlan, quantized
from tfl_depth.converters.verify.operators import to_codes, to_values

SIZE = (1, 16, 24, 3)
Images = list[npt.NDArray[np.float32]]


@pytest.fixture(scope="module")
def images() -> Images:
    random = np.random.default_rng(4)
    return [random.normal(size=SIZE).astype(np.float32) for _ in range(4)]


@pytest.fixture(scope="module")
def keras_model() -> Any:
    """Every usual operator, once."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    pixels = keras.Input(batch_shape=SIZE)
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu6")(pixels)
    skip = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D()(skip)
    gate = layers.Conv2D(8, 1, activation="sigmoid")(layers.AveragePooling2D(2)(skip))
    x = layers.Conv2DTranspose(8, 3, strides=2, padding="same")(x * gate)
    x = layers.Concatenate()([x, layers.ZeroPadding2D(0)(skip)])
    x = layers.Add()([layers.Conv2D(6, 1)(x), layers.Conv2D(6, 3, padding="same")(skip)])
    x = layers.UpSampling2D(interpolation="bilinear")(x)
    return keras.Model(pixels, layers.Dense(2)(x))


@pytest.fixture(scope="module")
def graph(keras_model: Any) -> Graph:
    import tensorflow as tf

    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    return read_graph(tf.lite.TFLiteConverter.from_keras_model(keras_model).convert())


@pytest.fixture(scope="module")
def ours(graph: Graph, images: Images) -> Graph:
    ranges = estimate_ranges(observe(graph, images, len(images)), minmax)
    return quantized(graph, QuantizationPlan(ranges))


def outputs(graph: Graph, images: Images) -> npt.NDArray[np.float64]:
    (source,), (result,) = graph.inputs.values(), graph.outputs.values()
    runner = GraphRunner(graph, reference_kernels=True)
    found = [runner({source: to_codes(image, source)})[result] for image in images]
    return np.concatenate([to_values(codes, result) for codes in found])


def step(graph: Graph) -> float:
    (result,) = graph.outputs.values()
    assert result.quantization is not None
    return result.quantization.scales[0]


def test_stays_near_the_float_network(graph: Graph, ours: Graph, images: Images) -> None:
    difference = np.abs(outputs(ours, images) - outputs(graph, images))
    assert np.median(difference) < 1.5 * step(ours)
    assert {tensor.dtype for tensor in ours.tensors()} == {np.dtype(np.int8), np.dtype(np.int32)}


@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs")
def test_tensorflow_gives_nearly_the_same_codes(
    keras_model: Any, graph: Graph, ours: Graph, images: Images
) -> None:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(keras_model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    theirs = read_graph(converter.convert())
    assert step(theirs) == pytest.approx(step(ours), rel=1e-3)
    # It gives a concatenation's inputs the scale of the whole.
    expect_alike(graph, ours, theirs, images)


@pytest.mark.filterwarnings("ignore:Warning. Enabling `experimental_preserve_all_tensors`")
def test_ai_edge_quantizer_gives_nearly_the_same_codes(
    graph: Graph, ours: Graph, images: Images
) -> None:
    from ai_edge_quantizer import quantizer, recipe

    plain = graph.copy()
    made = quantizer.Quantizer(bytearray(write_graph(plain)))
    made.load_quantization_recipe(recipe.static_wi8_ai8())
    ranges = estimate_ranges(observe(plain, images, len(images)), minmax)
    known = {tensor.name: _extremes(tensor, range_) for tensor, range_ in ranges.items()}
    theirs = read_graph(bytes(made.quantize(known).quantized_model))
    # It gives a concatenation's inputs scales of their own, which is one rounding more.
    expect_alike(graph, ours, theirs, images)


def expect_alike(graph: Graph, ours: Graph, theirs: Graph, images: Images) -> None:
    """Few codes apart, and ours no farther from the float network."""
    expected, mine, other = (outputs(each, images) for each in (graph, ours, theirs))
    assert np.abs(mine - other).max() < 8.01 * step(ours)
    assert np.std(mine - expected) < 1.05 * np.std(other - expected)


def _extremes(tensor: Tensor, range_: tuple[float, float]) -> dict[str, Any]:
    shape = (1,) * len(tensor.shape)
    return {"min": np.full(shape, range_[0]), "max": np.full(shape, range_[1])}
