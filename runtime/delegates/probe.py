"""Whether a delegate's library works here, found out where it can do no harm."""

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
    """What came of a library.

    Attributes:
        state: "works"; "unloadable", and whatever it needs is missing; "no-delegate", a library of
            another kind; "refuses", a delegate that does not start; "crashes"; or "hangs".
        detail: what the library or the system says of it; empty where it works.
        seconds: that it took.
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
    """Create a delegate in a process of its own, and close it.

    Args:
        library: of an external delegate.
        options: for its creation.
        environment: variables that it gets beside those of this process.
        timeout_s: after which it hangs.
    """
    begin_s = perf_counter()
    command = run_alone(_CHILD, str(library), json.dumps(dict(options)))
    ended = run_sandboxed(command, environment, timeout_s=timeout_s)
    seconds = perf_counter() - begin_s
    # Nothing at all where Python itself does not start.
    lines = ended.output.splitlines() or ['["", ""]']
    name, detail = json.loads(lines[-1])
    doing = _DOING.get(name)
    if ended.status is None:
        return Probe("hangs", f"it was stopped after {timeout_s:g} s, {doing}", seconds)
    if doing is not None:
        return Probe("crashes", f"{cause(ended.status)} {doing}", seconds)
    return Probe(name, "" if name == "works" else detail or ended.last_words, seconds)
