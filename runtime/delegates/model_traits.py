"""What a .tflite file wants: an NPU's own operators, or weights of one kind."""

from __future__ import annotations

from dataclasses import dataclass

from tfl_depth.format import flatbuffer_reader as tables

# Fields, as `tables.read` says.
_MODEL_OPERATOR_CODES, _MODEL_SUBGRAPHS = 1, 2
_CODE_CUSTOM_NAME = 1
_GRAPH_TENSORS = 0
_TENSOR_QUANTIZATION = 4
_QUANTIZATION_SCALE = 2


@dataclass(frozen=True)
class ModelTraits:
    """A model, as far as the choice of a delegate goes.

    Attributes:
        custom_operators: names of the operators that TensorFlow Lite itself does not know: a
            compiler has put them in the place of those that an NPU runs.
        per_channel: whether weights have one scale for each output channel.
    """

    custom_operators: frozenset[str]
    per_channel: bool


def read_model_traits(model: bytes) -> ModelTraits:
    """Look at a .tflite file.

    Raises:
        ModelFileError: not a TensorFlow Lite file, or a damaged one.
    """
    return tables.read(model, _look)


def _look(root: tables.Table) -> ModelTraits:
    codes = tables.children(root, _MODEL_OPERATOR_CODES)
    names = {tables.text(code, _CODE_CUSTOM_NAME) for code in codes}
    graphs = tables.children(root, _MODEL_SUBGRAPHS)
    tensors = [each for graph in graphs for each in tables.children(graph, _GRAPH_TENSORS)]
    return ModelTraits(frozenset(names - {""}), any(map(_has_scales, tensors)))


def _has_scales(tensor: tables.Table) -> bool:
    quantization = tables.child(tensor, _TENSOR_QUANTIZATION)
    return quantization is not None and tables.length(quantization, _QUANTIZATION_SCALE) > 1
