"""A network as a small mutable graph: tensors, and operators in execution order.

It is the only internal form between the import and the finished file. Tensors and operators are
compared by identity, so that they can be moved, replaced and used as keys.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Quantization:
    """Quantization: the real value is scale * (code - zero point).

    Attributes:
        scales: (1,), or (channels,) with one scale for each channel.
        zero_points: of the same length.
        axis: the dimension of the channels.
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int = 0


@dataclass(eq=False)
class Tensor:
    """A value of the network.

    Attributes:
        name: made unique when the graph is written.
        shape: static.
        dtype: of the elements.
        data: of a constant; None for inputs and computed tensors.
        quantization: of integer codes; None for plain numbers.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    data: npt.NDArray[Any] | None = None
    quantization: Quantization | None = None

    @property
    def is_constant(self) -> bool:
        """Whether its value is in the file."""
        return self.data is not None

    @property
    def constant(self) -> npt.NDArray[Any]:
        """The value of a constant.

        Raises:
            ValueError: it is not a constant.
        """
        if self.data is None:
            raise ValueError(f"Expected {self.name} to be a constant.")
        return self.data


def constant(name: str, value: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> Tensor:
    """Make a constant tensor."""
    data = np.array(value, dtype, order="C")
    return Tensor(name, data.shape, data.dtype, data)


@dataclass(eq=False)
class Operator:
    """One operator of TensorFlow Lite.

    Attributes:
        kind: its name in the schema, such as "CONV_2D".
        inputs: None is an omitted optional input.
        outputs: the computed tensors.
        options: the schema's options object (`Conv2DOptionsT` and so on), or None.
        version: of the required kernel.
    """

    kind: str
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    options: Any = None
    version: int = 1

    @property
    def output(self) -> Tensor:
        """The first output, usually the only one."""
        return self.outputs[0]

    def input(self, place: int) -> Tensor:
        """Return a required input.

        Raises:
            ValueError: the input is omitted.
        """
        tensor = self.inputs[place] if place < len(self.inputs) else None
        if tensor is None:
            raise ValueError(f"Expected {self.kind} {self.output.name} to have an input {place}.")
        return tensor


@dataclass(eq=False)
class Graph:
    """A network with static shapes and no control flow.

    Attributes:
        inputs, outputs: by their names in the file's signature.
        operators: each after the ones that compute its inputs.
    """

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    operators: list[Operator] = field(default_factory=list)

    def tensors(self) -> list[Tensor]:
        """Return every tensor once: the inputs, then others in the order of the operators."""
        found: dict[Tensor, None] = dict.fromkeys(self.inputs.values())
        for operator in self.operators:
            found.update(dict.fromkeys(t for t in operator.inputs if t is not None))
            found.update(dict.fromkeys(operator.outputs))
        found.update(dict.fromkeys(self.outputs.values()))
        return list(found)

    def computed(self) -> list[Tensor]:
        """Return the inputs and the computed tensors, in order."""
        found = list(self.inputs.values())
        return found + [tensor for operator in self.operators for tensor in operator.outputs]

    def producers(self) -> dict[Tensor, Operator]:
        """Return the operator that computes each tensor. Later edits do not change the result."""
        return {tensor: operator for operator in self.operators for tensor in operator.outputs}

    def consumers(self) -> dict[Tensor, list[Operator]]:
        """Return the operators that use each tensor. Later edits do not change the result."""
        found: dict[Tensor, list[Operator]] = {}
        for operator in self.operators:
            for tensor in dict.fromkeys(t for t in operator.inputs if t is not None):
                found.setdefault(tensor, []).append(operator)
        return found

    def producer(self, tensor: Tensor) -> Operator | None:
        """Return the operator that computes a tensor; None for constants and inputs."""
        return next((op for op in self.operators if tensor in op.outputs), None)

    def consumers_of(self, tensor: Tensor) -> list[Operator]:
        """Return the operators that use a tensor."""
        return [op for op in self.operators if tensor in op.inputs]

    def is_output(self, tensor: Tensor) -> bool:
        """Whether a tensor is an output of the network."""
        return tensor in self.outputs.values()

    def only_consumer(self, tensor: Tensor) -> Operator | None:
        """Return the only operator that uses a tensor; None if others use it or it is an output."""
        found = self.consumers_of(tensor)
        return found[0] if len(found) == 1 and not self.is_output(tensor) else None

    def replace(self, old: Operator, new: Iterable[Operator]) -> None:
        """Replace an operator by others. Their outputs must include the used ones."""
        place = self.operators.index(old)
        self.operators[place : place + 1] = list(new)

    def insert_before(self, operator: Operator, new: Iterable[Operator]) -> None:
        """Insert operators before one."""
        place = self.operators.index(operator)
        self.operators[place:place] = list(new)

    def insert_after(self, operator: Operator, new: Iterable[Operator]) -> None:
        """Insert operators after one."""
        place = self.operators.index(operator) + 1
        self.operators[place:place] = list(new)

    def redirect(self, old: Tensor, new: Tensor) -> None:
        """Replace the tensor `old` by `new` in all operators' inputs and in the outputs."""
        for operator in self.operators:
            operator.inputs = [new if tensor is old else tensor for tensor in operator.inputs]
        for name, tensor in self.outputs.items():
            if tensor is old:
                self.outputs[name] = new

    def remove_dead(self) -> None:
        """Remove operators whose outputs are not used."""
        used = set(self.outputs.values())
        kept = []
        for operator in reversed(self.operators):
            if used.intersection(operator.outputs):
                kept.append(operator)
                used.update(tensor for tensor in operator.inputs if tensor is not None)
        self.operators = kept[::-1]

    def sort(self) -> None:
        """Sort the operators into an execution order, as close as possible to the present order.

        Raises:
            ValueError: there is a cycle.
        """
        ready = {t for t in self.tensors() if t.is_constant} | set(self.inputs.values())
        waiting, done = list(self.operators), []
        while waiting:
            runnable = next((op for op in waiting if _is_ready(op, ready)), None)
            if runnable is None:
                raise ValueError(f"The graph has a cycle at {waiting[0].output.name}.")
            waiting.remove(runnable)
            done.append(runnable)
            ready.update(runnable.outputs)
        self.operators = done

    def copy(self) -> Graph:
        """Return an independent graph. It shares arrays of constants: do not edit them."""
        return self.copy_with_map()[0]

    def copy_with_map(self) -> tuple[Graph, dict[Tensor, Tensor]]:
        """Return a copy as `copy`, and the copy of each tensor."""
        mine = {tensor: copy.copy(tensor) for tensor in self.tensors()}
        operators = [
            Operator(
                op.kind,
                [None if t is None else mine[t] for t in op.inputs],
                [mine[t] for t in op.outputs],
                copy.deepcopy(op.options),
                op.version,
            )
            for op in self.operators
        ]
        inputs, outputs = _mapped(self.inputs, mine), _mapped(self.outputs, mine)
        return Graph(inputs, outputs, operators), mine

    def unique_name(self, stem: str) -> str:
        """Return an unused name: the stem, or the stem and a number."""
        taken = {tensor.name for tensor in self.tensors()}
        return next(name for name in _numbered(stem) if name not in taken)


def _is_ready(operator: Operator, ready: set[Tensor]) -> bool:
    return all(tensor is None or tensor in ready for tensor in operator.inputs)


def _mapped(named: Mapping[str, Tensor], mine: Mapping[Tensor, Tensor]) -> dict[str, Tensor]:
    return {name: mine[tensor] for name, tensor in named.items()}


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    number = 1
    while True:
        yield f"{stem}_{number}"
        number += 1
