"""A network as a small mutable graph: tensors, and operators in the order in which they run.

It is the one internal form between the import of a network and the finished file. Tensors and
operators are compared by identity, so that they can be moved, replaced and used as keys.
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
    """How integer codes stand for real values: scale * (code - zero point).

    Attributes:
        scales: (1,) or, with one scale a channel, (channels,).
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
        name: unique in its graph when it is written.
        shape: static.
        dtype: of its elements.
        data: of a constant; None for what operators compute and for inputs.
        quantization: of integer codes; None for plain numbers.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    data: npt.NDArray[Any] | None = None
    quantization: Quantization | None = None

    @property
    def is_constant(self) -> bool:
        """Whether the file holds its value."""
        return self.data is not None

    @property
    def constant(self) -> npt.NDArray[Any]:
        """The value of a constant.

        Raises:
            ValueError: it is none.
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
        kind: its name in the schema, as "CONV_2D".
        inputs: None stands for an optional input that is left out.
        outputs: what it computes.
        options: the schema's options object (`Conv2DOptionsT` and so on), or None.
        version: of the kernel that it asks for.
    """

    kind: str
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    options: Any = None
    version: int = 1

    @property
    def output(self) -> Tensor:
        """The first output, mostly the only one."""
        return self.outputs[0]

    def input(self, place: int) -> Tensor:
        """An input that must be there.

        Raises:
            ValueError: it is left out.
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
        operators: each one behind those that compute its inputs.
    """

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    operators: list[Operator] = field(default_factory=list)

    def tensors(self) -> list[Tensor]:
        """Every tensor once: inputs, then in the order in which operators meet them."""
        found: dict[Tensor, None] = dict.fromkeys(self.inputs.values())
        for operator in self.operators:
            found.update(dict.fromkeys(t for t in operator.inputs if t is not None))
            found.update(dict.fromkeys(operator.outputs))
        found.update(dict.fromkeys(self.outputs.values()))
        return list(found)

    def computed(self) -> list[Tensor]:
        """The inputs and what operators compute, in order."""
        found = list(self.inputs.values())
        return found + [tensor for operator in self.operators for tensor in operator.outputs]

    def producers(self) -> dict[Tensor, Operator]:
        """The operator that computes each tensor. A snapshot: edits do not change it."""
        return {tensor: operator for operator in self.operators for tensor in operator.outputs}

    def consumers(self) -> dict[Tensor, list[Operator]]:
        """The operators that take each tensor, each once. A snapshot: edits do not change it."""
        found: dict[Tensor, list[Operator]] = {}
        for operator in self.operators:
            for tensor in dict.fromkeys(t for t in operator.inputs if t is not None):
                found.setdefault(tensor, []).append(operator)
        return found

    def producer(self, tensor: Tensor) -> Operator | None:
        """The operator that computes a tensor; None for constants and inputs."""
        return next((op for op in self.operators if tensor in op.outputs), None)

    def consumers_of(self, tensor: Tensor) -> list[Operator]:
        """The operators that take a tensor."""
        return [op for op in self.operators if tensor in op.inputs]

    def is_output(self, tensor: Tensor) -> bool:
        """Whether the network gives this tensor."""
        return tensor in self.outputs.values()

    def only_consumer(self, tensor: Tensor) -> Operator | None:
        """The one operator that takes a tensor; None where there are others, or it is an output."""
        found = self.consumers_of(tensor)
        return found[0] if len(found) == 1 and not self.is_output(tensor) else None

    def replace(self, old: Operator, new: Iterable[Operator]) -> None:
        """Put operators in the place of one; their outputs must include those that are used."""
        place = self.operators.index(old)
        self.operators[place : place + 1] = list(new)

    def insert_before(self, operator: Operator, new: Iterable[Operator]) -> None:
        """Put operators in front of one."""
        place = self.operators.index(operator)
        self.operators[place:place] = list(new)

    def insert_after(self, operator: Operator, new: Iterable[Operator]) -> None:
        """Put operators behind one."""
        place = self.operators.index(operator) + 1
        self.operators[place:place] = list(new)

    def redirect(self, old: Tensor, new: Tensor) -> None:
        """Let everything that takes `old`, and the outputs, take `new`."""
        for operator in self.operators:
            operator.inputs = [new if tensor is old else tensor for tensor in operator.inputs]
        for name, tensor in self.outputs.items():
            if tensor is old:
                self.outputs[name] = new

    def remove_dead(self) -> None:
        """Remove operators whose outputs nobody takes."""
        used = set(self.outputs.values())
        kept = []
        for operator in reversed(self.operators):
            if used.intersection(operator.outputs):
                kept.append(operator)
                used.update(tensor for tensor in operator.inputs if tensor is not None)
        self.operators = kept[::-1]

    def sort(self) -> None:
        """Put the operators into an order in which they can run; of those, the nearest to theirs.

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
        """An independent graph; arrays of constants are shared: replace them, do not edit them."""
        return self.copy_with_map()[0]

    def copy_with_map(self) -> tuple[Graph, dict[Tensor, Tensor]]:
        """As `copy`, and the copy of each tensor."""
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
        """A name that no tensor has: the stem, or the stem and a number."""
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
