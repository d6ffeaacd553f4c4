"""Where each operator of a model runs on a target, and the estimated cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, get_args

# Where an operator runs. GPU: a graphics unit used instead of the NPU, and slower.
Place = Literal["npu", "cpu", "gpu", "unknown"]
NPU: Final = "npu"
CPU: Final = "cpu"
GPU: Final = "gpu"
UNKNOWN: Final = "unknown"
_PLACES: tuple[Place, ...] = get_args(Place)


@dataclass(frozen=True)
class PlacedOperator:
    """Where one operator runs.

    Attributes:
        kind: TensorFlow Lite's name of the operator.
        name: of its first output.
        place: NPU, CPU, GPU or UNKNOWN.
        reason: why it is not on the NPU, or a condition for the NPU.
        hint: what to change so that it runs on the NPU.
        cycles: of the NPU, as estimated by its compiler; None if unknown.
    """

    kind: str
    name: str
    place: Place
    reason: str = ""
    hint: str = ""
    cycles: int | None = None


@dataclass(frozen=True)
class Estimate:
    """A compiler's estimate for the operators on the NPU.

    Attributes:
        configuration: of the NPU and its memories.
        clock_hz: of the NPU.
        cycles: of an inference.
        macs_per_cycle: the NPU's largest number of multiply-accumulates in a cycle.
        sram_bytes, other_bytes: the model's fast memory, and its flash or DRAM.
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


@dataclass(frozen=True, repr=False)
class Placement:
    """Where a model's operators run.

    Attributes:
        target: name of the target.
        operators: in execution order.
        macs: multiply-accumulates of an inference; None if they cannot be counted.
        estimate: None without a compiler.
        source: of the placement.
        traffic: None if unknown.
    """

    target: str
    operators: tuple[PlacedOperator, ...]
    macs: int | None
    estimate: Estimate | None
    source: str
    traffic: Traffic | None = None

    def __repr__(self) -> str:
        time = "" if self.milliseconds is None else f", {self.milliseconds:.2f} ms"
        return f"<Placement {self.target}: {self.on_npu}{time}>"

    @property
    def on_npu(self) -> str:
        """How many operators are on the NPU, in words."""
        return f"{len(self.at(NPU))} of {len(self.operators)} operators on the NPU"

    def at(self, place: Place) -> tuple[PlacedOperator, ...]:
        """Return the operators at `place`."""
        return tuple(operator for operator in self.operators if operator.place == place)

    @property
    def milliseconds(self) -> float | None:
        """Time of an inference; None if an operator runs on the CPU, whose time is unknown."""
        if self.estimate is None or len(self.at(NPU)) < len(self.operators):
            return None
        return 1000 * self.estimate.cycles / self.estimate.clock_hz

    @property
    def utilization(self) -> float | None:
        """Share of the NPU's peak, 0 to 1; None if the time is unknown."""
        if self.estimate is None or self.milliseconds is None or self.macs is None:
            return None
        return self.macs / (self.estimate.cycles * self.estimate.macs_per_cycle)

    def as_report(self) -> dict[str, Any]:
        """Return the placement for JSON."""
        estimate = None if self.estimate is None else asdict(self.estimate)
        if estimate is not None and self.milliseconds is None:
            # The cycles do not include the operators on the CPU.
            del estimate["cycles"]
        return {
            "target": self.target,
            "source": self.source,
            "totals": {
                "operators": len(self.operators),
                **{place: len(self.at(place)) for place in _PLACES},
            },
            "macs": self.macs,
            "traffic": None if self.traffic is None else asdict(self.traffic),
            "milliseconds": self.milliseconds,
            "utilization": self.utilization,
            "estimate": estimate,
            "operators": [asdict(operator) for operator in self.operators],
        }
