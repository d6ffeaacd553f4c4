"""The greatest memory of a process, by what the system counts of its own pages.

`resource.getrusage` is no help: what it says of a process begins with the peak of the one that
started it.
"""

from __future__ import annotations

import re
from pathlib import Path


def peak_mib(process: int | str = "self") -> float:
    """The greatest memory so far of a process that runs, in MiB.

    Args:
        process: its number.

    Raises:
        ProcessLookupError: it has ended, and has no pages any more.
    """
    found = re.search(r"VmHWM:\s*(\d+)", Path(f"/proc/{process}/status").read_text())
    if found is None:
        raise ProcessLookupError(f"Process {process} has ended.")
    return int(found[1]) / 1024
