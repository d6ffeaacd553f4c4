"""Float .tflite files as the way in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.converters.importers.networks import SIZE, edited, open_size, small_graph, small_tflite
from tfl_depth.converters.graph import (
    Operator,
    Quantization,
    Tensor,
    constant,
    options,
    read_graph,
    write_graph,
)
from tfl_depth.converters.importers import import_difference, import_network
from tfl_depth.errors import ConversionError

ROOT = Path(__file__).resolve().parents[3]


def noise(shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(5).integers(0, 256, shape).astype(np.float32)


def test_bytes_and_files_come_in_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "net.tflite"
    file.write_bytes(small_tflite())
    for source in (small_tflite(), file, str(file)):
        found = import_network(source)
        assert (found.format, found.framework) == ("tflite", "tflite")
        assert found.output_names == ("fine", "coarse")
        assert import_difference(found, [noise((1, *SIZE, 3))]) < 1e-5
        assert [each.shape for each in found.run(noise((1, *SIZE, 3)))] == [
            (1, 32, 48, 4),
            (1, 16, 24, 2),
        ]


def test_needs_neither_tensorflow_nor_keras() -> None:
    """On a machine that has none: their import fails, as it does there."""
    code = """
import sys
for name in ("tensorflow", "keras", "torch", "onnx", "h5py"):
    sys.modules[name] = None
from tests.converters.importers.networks import small_tflite
from tfl_depth.converters.importers import import_network
print(import_network(small_tflite()).output_names)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("('fine', 'coarse')\n", "")


def test_an_open_size_becomes_the_one_that_is_asked_for() -> None:
    content = edited(small_tflite(), open_size)
    with pytest.raises(ConversionError, match=r"any size\. Choose one with --size HxW"):
        import_network(content)
    found = import_network(content, size=(16, 20))
    graph = read_graph(found.model)
    assert graph.inputs["image"].shape == (1, 16, 20, 3)
    assert graph.outputs["coarse"].shape == (1, 8, 10, 2)
    # The same numbers as a network that was made for that size: shapes are all that changed.
    whole = import_network(small_tflite()).run(np.full((1, *SIZE, 3), 99, np.float32))[0]
    assert found.run(np.full((1, 16, 20, 3), 99, np.float32))[0][0, 5, 5] == pytest.approx(
        whole[0, 5, 5], abs=1e-5
    )


def test_a_fixed_size_is_not_another_one() -> None:
    assert import_network(small_tflite(), size=SIZE).output_names == ("fine", "coarse")
    with pytest.raises(ConversionError, match=r"made for 32x48 .* not for 64x96"):
        import_network(small_tflite(), size=(64, 96))


def test_half_precision_weights_are_taken() -> None:
    graph = small_graph()
    first = graph.operators[0]
    kernel = first.input(1)
    half = constant("half", kernel.constant, np.float16)
    back = Tensor("back", kernel.shape, np.dtype(np.float32))
    first.inputs[1] = back
    graph.operators.insert(
        0, Operator("DEQUANTIZE", [half], [back], options("DequantizeOptions"), 3)
    )
    found = import_network(write_graph(graph))
    plain = import_network(small_tflite())
    value = noise((1, *SIZE, 3)) / np.float32(255)
    assert np.abs(found.run(value)[0] - plain.run(value)[0]).max() < 1e-2


def test_pixels_that_are_cast_first_come_in_as_floats() -> None:
    graph = small_graph()
    image = graph.inputs["image"]
    pixels = Tensor("pixels", image.shape, np.dtype(np.uint8))
    cast = options(
        "CastOptions", inDataType=schema.TensorType.UINT8, outDataType=schema.TensorType.FLOAT32
    )
    graph.operators.insert(0, Operator("CAST", [pixels], [image], cast))
    graph.inputs = {"image": pixels}
    found = import_network(write_graph(graph))
    assert read_graph(found.model).inputs["image"].dtype == np.float32
    value = noise((1, *SIZE, 3))
    expected = import_network(small_tflite()).run(value)
    for one, other in zip(found.run(value), expected, strict=True):
        assert np.abs(one - other).max() < 1e-5


def gray(model: Any) -> None:
    model.subgraphs[0].tensors[0].shape = np.array([1, 32, 48, 1], np.int32)


def two_signatures(model: Any) -> None:
    model.signatureDefs *= 2


def two_subgraphs(model: Any) -> None:
    model.subgraphs *= 2


def quantized(model: Any) -> None:
    tensor = model.subgraphs[0].tensors[0]
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale = np.array([0.1], np.float32)
    tensor.quantization.zeroPoint = np.array([0], np.int64)


def far_operator_code(model: Any) -> None:
    model.subgraphs[0].operators[0].opcodeIndex = 77


def negative_output(model: Any) -> None:
    model.subgraphs[0].operators[0].outputs = np.array([-3], np.int32)


def shape_unlike_data(model: Any) -> None:
    model.subgraphs[0].tensors[1].shape = np.array([9, 9, 9, 9], np.int32)


def operators_backwards(model: Any) -> None:
    model.subgraphs[0].operators.reverse()


def control_flow(model: Any) -> None:
    model.operatorCodes[0].builtinCode = schema.BuiltinOperator.WHILE
    model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.WHILE


def nan(model: Any) -> None:
    data = np.zeros(4 * 27, np.float32)
    data[5] = np.nan
    tensor = model.subgraphs[0].tensors[1]
    model.buffers[tensor.buffer].data = data.view(np.uint8)


REFUSED: dict[str, tuple[Callable[[Any], None], str]] = {
    "gray": (gray, r"one image, .* its input is \(1, 32, 48, 1\)"),
    "two signatures": (two_signatures, "2 signatures"),
    "two subgraphs": (two_subgraphs, "2 subgraphs"),
    "quantized": (quantized, "is quantized already: give the float"),
    "operator code out of range": (far_operator_code, "damaged"),
    "negative place": (negative_output, "damaged"),
    "shape unlike its data": (shape_unlike_data, "damaged"),
    "used before computed": (operators_backwards, "damaged"),
    "control flow": (control_flow, "control flow"),
    "NaN": (nan, "NaN or infinite, in conv/kernel"),
}


@pytest.mark.parametrize(("edit", "words"), REFUSED.values(), ids=REFUSED)
def test_refusals(edit: Callable[[Any], None], words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        import_network(edited(small_tflite(), edit))


def test_a_second_input_is_refused() -> None:
    graph = small_graph()
    graph.inputs["focal_length"] = Tensor("focal_length", (1, 1), np.dtype(np.float32))
    with pytest.raises(ConversionError, match="one input, an image; it has 2: image, focal_length"):
        import_network(write_graph(graph))


def test_a_quantization_never_passes() -> None:
    """Weights of eight bits in a float network count as well."""
    graph = small_graph()
    kernel = graph.operators[0].input(1)
    kernel.data = np.ones(kernel.shape, np.int8)
    kernel.dtype = np.dtype(np.int8)
    kernel.quantization = Quantization((0.1,), (0,))
    with pytest.raises(ConversionError, match="quantized"):
        import_network(write_graph(graph))


def test_damaged_bytes_end_in_one_kind_of_error() -> None:
    """Cut at every length and flipped at places all over: refused, or run like any network."""
    content = small_tflite()
    refused = 0
    for length in range(0, len(content), 97):
        with pytest.raises(ConversionError):
            import_network(content[:length])
    rng = np.random.default_rng(0)
    for place in rng.integers(8, len(content), 300):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        try:
            import_network(bytes(damaged))
        except ConversionError:
            refused += 1
    assert refused > 50
