"""`tfl-depth evaluate --video`: the flicker of depth, for one model or for two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.evaluation.steadiness import steadiness
from tfl_depth.quiet import quiet
from tfl_depth.runtime import DepthRunner, Smoothing, Video
from tfl_depth.tools.lib import command_progress, model_options

# The argument of `stream` for the smoothed rows.
SMOOTHING = Smoothing()


def video_report(
    model: Path, against: Path | None, video: Path, public_key: Path | None
) -> dict[str, Any]:
    """Temporal deviations in millimeters, for JSON.

    Raises:
        DepthError: a file cannot be read, or the video has no two frames with depth.
    """
    result: dict[str, Any] = {
        "model": str(model),
        "video": str(video),
        "smoothing": asdict(SMOOTHING),
        **_of_model(model, video, public_key),
    }
    if against is not None:
        other = _of_model(against, video, public_key)
        # Without smoothing: the flicker of the difference between the models.
        added = {
            name: result["steadiness"][name] - other["steadiness"][name]
            for name in ("median_mm", "p95_mm")
        }
        result["against"] = {"model": str(against), **other, "added": added}
    return result


def _of_model(model: Path, video: Path, public_key: Path | None) -> dict[str, Any]:
    """The steadiness of depth without and with smoothing. A Keras model cannot be smoothed."""
    if model.suffix == ".keras":
        model_options.expect_no_key(model, public_key)
        return {"steadiness": asdict(steadiness(_keras_depths(model, video))), "smoothed": None}
    with DepthRunner(model, public_key=public_key) as runner:
        found = [asdict(steadiness(_depths(runner, video, smooth))) for smooth in (None, SMOOTHING)]
    return dict(zip(("steadiness", "smoothed"), found, strict=True))


def _depths(
    runner: DepthRunner, video: Path, smooth: Smoothing | None
) -> Iterator[npt.NDArray[np.unsignedinteger[Any]]]:
    with runner.stream(str(video), smooth=smooth) as frames:
        for frame in command_progress.progress(frames, None, video.name):
            yield frame.depth_mm


def _keras_depths(model: Path, video: Path) -> Iterator[npt.NDArray[np.float64]]:
    from tfl_depth.evaluation.evaluate import keras_predictor

    with quiet():  # Keras' backend prints messages
        from tfl_depth.models import load_model
    predict = keras_predictor(load_model(model))
    with Video(str(video)) as frames:
        for bgr in command_progress.progress(frames, None, video.name):
            rgb = np.ascontiguousarray(bgr[..., ::-1])
            yield np.rint(1000 * np.maximum(predict(rgb), 0).astype(np.float64))


def video_table(report: dict[str, Any]) -> str:
    """The report as text."""
    plain, smoothing = report["steadiness"], report["smoothing"]
    lines = [
        f"{report['video']}: {plain['frames']} frames; temporal deviation of the pixels of a "
        "still camera",
        f"{'mm':<40}{'median':>9}{'95 %':>9}",
    ]
    smoothed = f"smoothed ({smoothing['weight']:g}, {smoothing['jump_percent']:g} %)"
    for each in (report, report.get("against")):
        if each is not None:
            lines.append(_row(each["model"], each["steadiness"]))
            if each["smoothed"] is not None:
                lines.append(_row(f"  {smoothed}", each["smoothed"]))
    if "against" in report:
        lines.append(_row("added by MODEL", report["against"]["added"]))
    return "\n".join(lines)


def _row(name: str, found: dict[str, float]) -> str:
    return f"{name:<40}{found['median_mm']:9.2f}{found['p95_mm']:9.2f}"
