"""The properties of a .tflite file that the choice of a delegate depends on."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tfl_depth.format import flatbuffer_reader as tables
from tfl_depth.format.litert_stamp import read_stamp

# Fields of the schema; `tables.read` explains them.
_MODEL_OPERATOR_CODES, _MODEL_SUBGRAPHS = 1, 2
_CODE_CUSTOM_NAME = 1
_GRAPH_TENSORS = 0
_TENSOR_QUANTIZATION = 4
_QUANTIZATION_SCALE = 2


@dataclass(frozen=True)
class ModelTraits:
    """Properties of a model.

    Attributes:
        custom_operators: names of operators that TensorFlow Lite does not know. A compiler puts
            them in place of the operators that an NPU runs.
        per_channel: whether weights have a scale for each output channel.
        maker: of the chip that LiteRT has compiled it for; empty if none.
    """

    custom_operators: frozenset[str]
    per_channel: bool
    maker: str = ""


def read_model_traits(model: bytes) -> ModelTraits:
    """Read the properties of a .tflite file.

    Raises:
        ModelFileError: the file is damaged, or not a TensorFlow Lite file.
    """
    return replace(tables.read(model, _look), maker=read_stamp(model).maker)


def _look(root: tables.Table) -> ModelTraits:
    codes = tables.children(root, _MODEL_OPERATOR_CODES)
    names = {tables.text(code, _CODE_CUSTOM_NAME) for code in codes}
    graphs = tables.children(root, _MODEL_SUBGRAPHS)
    tensors = [each for graph in graphs for each in tables.children(graph, _GRAPH_TENSORS)]
    return ModelTraits(frozenset(names - {""}), any(map(_has_scales, tensors)))


def _has_scales(tensor: tables.Table) -> bool:
    quantization = tables.child(tensor, _TENSOR_QUANTIZATION)
    return quantization is not None and tables.length(quantization, _QUANTIZATION_SCALE) > 1
