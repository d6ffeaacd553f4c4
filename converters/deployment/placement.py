"""Where each operator of a model will run, and what the whole will cost there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

# Where an operator runs. GPU: a graphics part that stands in for the NPU, slower.
NPU, CPU, GPU, UNKNOWN = "npu", "cpu", "gpu", "unknown"


@dataclass(frozen=True)
class PlacedOperator:
    """One operator and its place.

    Attributes:
        kind: as TensorFlow Lite names it.
        name: of the tensor that it gives.
        place: NPU, CPU, GPU or UNKNOWN.
        reason: why it is not on the NPU, or on which condition it is.
        hint: what to change, where it is not on the NPU.
        cycles: of the NPU, as its compiler estimates them; None where nobody does.
    """

    kind: str
    name: str
    place: str
    reason: str = ""
    hint: str = ""
    cycles: int | None = None


@dataclass(frozen=True)
class Estimate:
    """What a compiler says of the operators that it gave to the NPU.

    Attributes:
        configuration: what the figures hold for.
        clock_hz: of the NPU.
        cycles: of an inference.
        macs_per_cycle: the most that the NPU computes in a cycle.
        sram_bytes, other_bytes: of fast memory, and of flash or DRAM, that the model takes.
    """

    configuration: dict[str, str]
    clock_hz: float
    cycles: int
    macs_per_cycle: int
    sram_bytes: int
    other_bytes: int


@dataclass(frozen=True)
class Traffic:
    """Bytes between an NPU and the memory outside of it, for an inference, as its compiler says.

    Attributes:
        spilled, filled: intermediate results that do not fit into the NPU's memory.
        read, written: all in all.
    """

    spilled: int
    filled: int
    read: int
    written: int


@dataclass(frozen=True)
class Placement:
    """Where a model runs.

    Attributes:
        target: name of the target.
        operators: in the order in which they run.
        macs: multiply-accumulates of an inference, or None where they cannot be counted.
        estimate: None where no compiler has looked at the model.
        source: what says where the operators run.
        traffic: None where the compiler does not say.
    """

    target: str
    operators: tuple[PlacedOperator, ...]
    macs: int | None
    estimate: Estimate | None
    source: str
    traffic: Traffic | None = None

    def at(self, place: str) -> tuple[PlacedOperator, ...]:
        """The operators that run at `place`."""
        return tuple(operator for operator in self.operators if operator.place == place)

    @property
    def milliseconds(self) -> float | None:
        """Of an inference; None while an operator is left to the CPU, whose time nobody knows."""
        if self.estimate is None or len(self.at(NPU)) < len(self.operators):
            return None
        return 1000 * self.estimate.cycles / self.estimate.clock_hz

    @property
    def utilization(self) -> float | None:
        """Share of the NPU's peak, 0 to 1; known when the time is."""
        if self.estimate is None or self.milliseconds is None or self.macs is None:
            return None
        return self.macs / (self.estimate.cycles * self.estimate.macs_per_cycle)

    def as_report(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        estimate = None if self.estimate is None else asdict(self.estimate)
        if estimate is not None and self.milliseconds is None:
            # It leaves out the operators on the CPU.
            del estimate["cycles"]
        return {
            "target": self.target,
            "source": self.source,
            "totals": {
                "operators": len(self.operators),
                **{place: len(self.at(place)) for place in (NPU, CPU, GPU, UNKNOWN)},
            },
            "macs": self.macs,
            "traffic": None if self.traffic is None else asdict(self.traffic),
            "milliseconds": self.milliseconds,
            "utilization": self.utilization,
            "estimate": estimate,
            "operators": [asdict(operator) for operator in self.operators],
        }
