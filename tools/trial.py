"""What `doctor` runs in a process of its own: opens a model and runs it a few times."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from tfl_depth.errors import DepthError
from tfl_depth.runtime import DepthRunner

RUNS = 5
# Begins the line of the result, since libraries print as well.
MARK = "tfl-depth trial: "


def main(arguments: Sequence[str]) -> int:
    """Print what came of it: figures, or an error's text.

    Args:
        arguments: path of the model; with a delegate also that of its library, and its options as
            JSON.
    """
    model, *rest = arguments
    library, options = (rest[0], json.loads(rest[1])) if rest else (None, {})
    try:
        with DepthRunner(model, delegate=library, delegate_options=options) as runner:
            warm, placement = runner.warm_up(RUNS), runner.placement
    except DepthError as error:
        print(f"{MARK}{json.dumps({'detail': str(error)})}")
        return 1
    figures = {name: asdict(warm)[name] for name in ("first_s", "steady_s")}
    counts = {name: asdict(placement)[name] for name in ("taken", "operators")}
    print(f"{MARK}{json.dumps({**figures, **counts})}")
    return 0
