"""The pictures of `tfl-depth evaluate`: the best and the worst images, and the reliability."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfl_depth.evaluation.metrics import BinnedMetrics
from tfl_depth.files import write_whole

if TYPE_CHECKING:
    from tfl_depth.data.frames import Frames
    from tfl_depth.evaluation.evaluate import Predictor
    from tfl_depth.evaluation.image_scores import ScoreTotals

# A file name may have 255 characters. Some are before and after it.
MAX_NAME_BYTES = 200


def draw_images(
    options: argparse.Namespace, predict: Predictor, samples: Frames, totals: ScoreTotals
) -> None:
    """Draw the N best and the N worst images of a model into the output folder."""
    from tfl_depth.pictures import comparison_picture, error_limit_m
    from tfl_depth.png import as_png

    places = np.asarray(totals.places)
    order = places[np.argsort([row["abs_rel"] for row in totals.rows])]
    chosen = {"best": order[: options.pictures], "worst": order[::-1][: options.pictures]}
    shown = {int(place): samples[int(place)] for place in np.concatenate([*chosen.values()])}
    depth_m = {place: predict(sample.rgb) for place, sample in shown.items()}
    # One scale for all, so that the best and the worst can be compared.
    limit_m = error_limit_m([*shown.values()], [*depth_m.values()]) if shown else 1.0
    for kind, ranked in chosen.items():
        for rank, place in enumerate(ranked, start=1):
            sample = shown[int(place)]
            picture = comparison_picture(sample, depth_m[int(place)], error_limit_m=limit_m)
            write_whole(
                options.output / f"{kind}{rank}-{_picture_name(sample.name)}.png", as_png(picture)
            )


def _picture_name(name: str) -> str:
    """Make a part of a file name from a frame's name, which may be long and contain folders."""
    flat = "_".join(part for part in Path(name).parts if part not in ("/", "..")).replace("\0", "_")
    content = flat.encode(errors="surrogateescape")
    if len(content) <= MAX_NAME_BYTES:
        return flat
    kept = content[: MAX_NAME_BYTES - 9].decode(errors="ignore")
    return f"{kept}-{hashlib.sha256(content).hexdigest()[:8]}"


def draw_reliability(options: argparse.Namespace, models: Mapping[Path, BinnedMetrics]) -> None:
    """Draw how reliable each model is by true distance into the output folder."""
    from tfl_depth.evaluation.reliability import reliability_chart

    title = f"{options.dataset} {options.split}, nothing aligned"
    apart = len({path.name for path in models}) == len(models)
    bins = {path.name if apart else str(path): each.bins() for path, each in models.items()}
    chart = reliability_chart(bins, title)
    write_whole(options.output / "reliability.png", chart)
