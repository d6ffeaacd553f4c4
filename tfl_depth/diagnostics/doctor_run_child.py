"""What `doctor_run` starts in a process of its own: opens a model and runs it a few times."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tfl_depth.errors import DepthError, ProofError
from tfl_depth.runtime import DepthRunner

RUNS = 5
# Begins the line of the result, since libraries print as well.
MARK = "tfl-depth run: "


def main(arguments: Sequence[str]) -> int:
    """Print what came of it: figures, or an error's text.

    Args:
        arguments: path of the model; with a delegate also its library or name, and its options as
            JSON.
    """
    model, *rest = arguments
    library, options = (rest[0], json.loads(rest[1])) if rest else (None, {})
    try:
        with DepthRunner(model, delegate=library, delegate_options=options) as runner:
            result = _run(runner)
    except DepthError as error:
        result = {"detail": str(error)}
    print(f"{MARK}{json.dumps(result)}")
    return 1 if "detail" in result else 0


def _run(runner: DepthRunner) -> dict[str, Any]:
    warm, placement = asdict(runner.warm_up(RUNS)), asdict(runner.delegate_coverage)
    proof = None if runner.contract.golden is None else runner.prove()
    if proof is not None and proof.verdict == "wrong":
        raise ProofError(str(proof))
    return {
        **{name: warm[name] for name in ("first_s", "steady_s")},
        **{name: placement[name] for name in ("taken", "operators")},
        "proof": None if proof is None else str(proof),
    }
