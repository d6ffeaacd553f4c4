"""A test of a delegate's library, in a separate process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Literal

from tfl_depth.child import run_alone
from tfl_depth.runtime.delegates.sandbox import cause, run_sandboxed

_CHILD = Path(__file__).with_name("probe_child.py")
State = Literal["works", "unloadable", "no-delegate", "refuses", "crashes", "hangs"]
_DOING = {
    "": "at the start of Python",
    "load": "while it was loaded",
    "create": "while the delegate was created",
    "destroy": "while the delegate was closed",
}


@dataclass(frozen=True)
class Probe:
    """Result of the test.

    Attributes:
        state: "works"; "unloadable": a dependency is missing; "no-delegate": it is a library of
            another kind; "refuses": the delegate does not start; "crashes"; or "hangs".
        detail: message of the library or the system; empty if it works.
        seconds: time of the test.
    """

    state: State
    detail: str
    seconds: float


def probe(
    library: Path,
    options: Mapping[str, str],
    environment: Mapping[str, str],
    *,
    timeout_s: float,
) -> Probe:
    """Create and close a delegate in a separate process.

    Args:
        library: of an external delegate.
        options: for its creation.
        environment: more environment variables for the process.
        timeout_s: time limit in seconds.
    """
    begin_s = perf_counter()
    command = run_alone(_CHILD, str(library), json.dumps(dict(options)))
    ended = run_sandboxed(command, environment, timeout_s=timeout_s)
    seconds = perf_counter() - begin_s
    # Empty if Python itself does not start.
    lines = ended.output.splitlines() or ['["", ""]']
    name, detail = json.loads(lines[-1])
    doing = _DOING.get(name)
    if ended.status is None:
        return Probe("hangs", f"it was stopped after {timeout_s:g} s, {doing}", seconds)
    if doing is not None:
        return Probe("crashes", f"{cause(ended.status)} {doing}", seconds)
    return Probe(name, "" if name == "works" else detail or ended.last_words, seconds)
