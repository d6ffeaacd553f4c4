"""Separation of fused activations from their operators, and fusion of activations."""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

from tfl_depth.converters.graph.graph import Graph, Operator, Tensor
from tfl_depth.converters.graph.operator_kinds import kinds

_FUSED = {
    schema.ActivationFunctionType.RELU: "RELU",
    schema.ActivationFunctionType.RELU6: "RELU6",
    schema.ActivationFunctionType.RELU_N1_TO_1: "RELU_N1_TO_1",
    schema.ActivationFunctionType.TANH: "TANH",
}
# Without TANH, which few kernels support.
_NUMBERS = {kind: number for number, kind in _FUSED.items() if kind != "TANH"}
# Operators whose kernels apply a fused activation. CONCATENATION has the option and refuses it.
_FUSING = kinds(
    "ADD AVERAGE_POOL_2D CONV_2D DEPTHWISE_CONV_2D DIV FULLY_CONNECTED MAX_POOL_2D MUL SUB "
    "TRANSPOSE_CONV"
)


def fused_activation(operator: Operator) -> str | None:
    """Return the fused activation of an operator, or None."""
    return _FUSED.get(getattr(operator.options, "fusedActivationFunction", 0))


def unfuse_activations(graph: Graph) -> dict[Tensor, Tensor]:
    """Make every fused activation a separate operator.

    Returns:
        The tensor before the activation, for each tensor after one.
    """
    before: dict[Tensor, Tensor] = {}
    for operator in list(graph.operators):
        kind = fused_activation(operator)
        if kind is None:
            continue
        result = operator.output
        plain = Tensor(f"{result.name}_linear", result.shape, result.dtype)
        operator.options.fusedActivationFunction = schema.ActivationFunctionType.NONE
        operator.outputs[0] = plain
        graph.insert_after(operator, [Operator(kind, [plain], [result])])
        before[result] = plain
    return before


def fuse_activations(graph: Graph) -> int:
    """Fuse activations into the operators before them, if nothing else uses their result."""
    count = 0
    producers = graph.producers()
    for activation in [op for op in graph.operators if op.kind in _NUMBERS]:
        operator = producers.get(activation.input(0))
        if operator is None or operator.kind not in _FUSING or operator.options is None:
            continue
        if fused_activation(operator) or graph.only_consumer(operator.output) is not activation:
            continue
        operator.options.fusedActivationFunction = _NUMBERS[activation.kind]
        operator.outputs[0] = activation.output
        graph.operators.remove(activation)
        count += 1
    return count
