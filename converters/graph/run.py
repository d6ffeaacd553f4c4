"""Runs a graph, or a part of one, in the interpreter."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tfl_depth.converters.graph.flatbuffer import write_graph
from tfl_depth.converters.graph.graph import Graph, Operator, Tensor
from tfl_depth.errors import ConversionError

Values = Mapping[Tensor, npt.NDArray[Any]]


def piece(graph: Graph, inputs: Iterable[Tensor], outputs: Iterable[Tensor]) -> Graph:
    """Return the operators that compute `outputs` from `inputs`, as a graph with shared tensors.

    Raises:
        ValueError: `outputs` need an input of the graph that is not among `inputs`.
    """
    given = dict.fromkeys(inputs)
    wanted = dict.fromkeys(outputs)
    needed = {tensor for tensor in wanted if tensor not in given}
    kept: list[Operator] = []
    for operator in reversed(graph.operators):
        if needed.intersection(operator.outputs):
            kept.append(operator)
            taken = (t for t in operator.inputs if t is not None and not t.is_constant)
            needed.update(tensor for tensor in taken if tensor not in given)
    lacking = needed.intersection(graph.inputs.values())
    if lacking:
        raise ValueError(f"The piece needs {sorted(tensor.name for tensor in lacking)}.")
    used = {tensor for operator in kept for tensor in operator.inputs}
    return Graph(
        {f"in_{i}": tensor for i, tensor in enumerate(given) if tensor in used},
        {f"out_{i}": tensor for i, tensor in enumerate(wanted) if tensor not in given},
        kept[::-1],
    )


class GraphRunner:
    """Runs a part of a graph on several sets of values. The interpreter is allocated once."""

    def __init__(
        self,
        graph: Graph,
        outputs: Iterable[Tensor] | None = None,
        *,
        inputs: Iterable[Tensor] | None = None,
        reference_kernels: bool = False,
    ) -> None:
        """Prepare the computation of `outputs` from `inputs`.

        Args:
            graph: the whole network.
            outputs: tensors to compute; None: the network's outputs.
            inputs: tensors whose values are passed; None: the network's inputs.
            reference_kernels: use TensorFlow Lite's reference kernels instead of XNNPACK's.

        Raises:
            ConversionError: the interpreter refuses the operators.
        """
        self._wanted = list(graph.outputs.values() if outputs is None else outputs)
        given = graph.inputs.values() if inputs is None else inputs
        part = piece(graph, given, self._wanted)
        self._inputs = list(part.inputs.values())
        self._computed = list(dict.fromkeys(part.outputs.values()))
        self._interpreter = None
        if self._computed:
            self._interpreter = _interpreter(part, reference_kernels)
            self._places = [d["index"] for d in self._interpreter.get_input_details()]
            self._results = [d["index"] for d in self._interpreter.get_output_details()]

    def __call__(self, values: Values) -> dict[Tensor, npt.NDArray[Any]]:
        """Compute the outputs. Values are arrays of the tensors' shapes and dtypes."""
        interpreter = self._interpreter
        found = {tensor: values[tensor] for tensor in self._wanted if tensor in values}
        if interpreter is not None:
            for tensor, place in zip(self._inputs, self._places, strict=True):
                interpreter.set_tensor(place, values[tensor])
            interpreter.invoke()
            for tensor, place in zip(self._computed, self._results, strict=True):
                found[tensor] = interpreter.get_tensor(place)
        return {
            tensor: tensor.constant if tensor.is_constant else found[tensor]
            for tensor in self._wanted
        }


def _interpreter(part: Graph, reference_kernels: bool) -> Any:
    kind = OpResolverType.BUILTIN_REF if reference_kernels else OpResolverType.AUTO
    try:
        interpreter = Interpreter(
            model_content=write_graph(part),
            num_threads=os.cpu_count(),
            experimental_op_resolver_type=kind,
        )
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()
        raise ConversionError(
            f"The interpreter cannot run the network: {reason[0] if reason else 'no reason given'}"
        ) from error
    return interpreter


def run_graph(graph: Graph, inputs: Sequence[npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Run a whole network once. Inputs are passed in order; outputs are returned by name."""
    values = dict(zip(graph.inputs.values(), map(np.asarray, inputs), strict=True))
    found = GraphRunner(graph)(values)
    return {name: found[tensor] for name, tensor in graph.outputs.items()}
