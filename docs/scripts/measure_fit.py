"""What each fit of the frame costs: `python -m docs.scripts.measure_fit --nyu DIR --hololens DIR`.

It shows photos of 4:3, cut to 16:9 and to 3:4, and those of another camera to a network of the zoo
in FP32, in each fit, and writes docs/figures/fit_of_frames.json.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from docs.scripts.result_file import read_result, write_result
from tfl_depth.data import DATASETS, Sample, load_split
from tfl_depth.evaluation.evaluate import evaluate, keras_predictor
from tfl_depth.evaluation.metrics import mean_over_images
from tfl_depth.format.contract import FITS
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.models import load_model
from tfl_depth.runtime.fit import Fit, fit_frame
from tfl_depth.tables import markdown, write_table
from tfl_depth.tools.lib import command_run
from tfl_depth.tools.lib.command_parser import make_parser

ROOT = Path(__file__).resolve().parents[2]
ENTRY = ROOT / "zoo" / "lite0-nyu-192x256"
FIGURES = ROOT / "docs" / "figures" / "fit_of_frames.json"
DECISION = ROOT / "docs" / "decisions" / "019-fit-of-the-frame.md"
# Height and width of what is cut from the middle of photos of 480x640, inside their white border.
CUTS = {"NYU 4:3": (480, 640), "NYU 16:9": (346, 616), "NYU 3:4": (464, 348)}
# Of the HoloLens frames (540x360), as their authors give it (Duzceker et al., CVPR 2021).
HOLOLENS = Intrinsics(495.57, 495.48, 269.50, 169.19)
HOLOLENS_SIZE = (360, 540)
STEP = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the measurement; returns its exit status."""
    parser = make_parser("measure_fit", "Measure what each fit costs.", str(__doc__))
    parser.add_argument("--nyu", required=True, type=Path, metavar="DIR")
    parser.add_argument("--hololens", required=True, type=Path, metavar="DIR")
    options = parser.parse_args(argv)
    return command_run.run(lambda: _measure(options.nyu, options.hololens))


def _measure(nyu: Path, hololens: Path) -> None:
    samples = load_split("nyuv2", nyu, "val")[::STEP]
    frames = {name: [cut(each, size) for each in samples] for name, size in CUTS.items()}
    frames["HoloLens 3:2"] = [
        replace(each, intrinsics=HOLOLENS) for each in load_split("pairs", hololens, "all")
    ]
    rows = [row for name, shown in frames.items() for row in rows_of(name, shown)]
    document = {"network": ENTRY.name, "rows": rows}
    write_result(FIGURES, document)
    write_document()
    print(table())


def write_document() -> None:
    """Write the decision's table from the result file."""
    write_table(DECISION, "fit", table(), by="python -m docs.scripts.measure_fit")


def cut(sample: Sample, size: tuple[int, int]) -> Sample:
    """The middle of a sample, of `size` (height, width)."""
    top, left = ((whole - part) // 2 for whole, part in zip(sample.valid.shape, size, strict=True))
    part = np.s_[top : top + size[0], left : left + size[1]]
    camera = sample.intrinsics
    assert camera is not None  # noqa: S101 - of NYU it is known
    return replace(
        sample,
        rgb=np.ascontiguousarray(sample.rgb[part]),
        depth_m=sample.depth_m[part],
        valid=sample.valid[part],
        intrinsics=replace(camera, cx=camera.cx - left, cy=camera.cy - top),
    )


def rows_of(name: str, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """What each fit gives on these frames."""
    model = load_model(ENTRY / "model.keras")
    size: tuple[int, int] = model.input_shape[1:3]
    made = []
    for fit in FITS:
        predict = keras_predictor(model, fit)
        depths = [predict(sample.rgb) for sample in samples]
        ratio = focal_ratio(samples[0], size, fit)
        made.append(
            {
                "frames": name,
                "images": len(samples),
                "fit": fit,
                "seen_share": round(float(np.mean(~np.isnan(depths[0]))), 3),
                "focal_ratio": round(ratio, 3),
                "abs_rel": abs_rel(depths, samples, 1.0),
                "corrected_abs_rel": abs_rel(depths, samples, ratio),
            }
        )
        print(made[-1], file=sys.stderr, flush=True)
    return made


def abs_rel(
    depths: Sequence[npt.NDArray[np.float32]], samples: Sequence[Sample], factor: float
) -> float:
    """abs_rel of depths (H, W) in meters times a factor, against the truth of the samples."""
    waiting = iter(depths)
    rows = evaluate(lambda _rgb: next(waiting) * np.float32(factor), samples, DATASETS["nyuv2"])
    return round(mean_over_images(rows)["abs_rel"], 4)


def focal_ratio(sample: Sample, size: tuple[int, int], fit: Fit) -> float:
    """Of a sample's focal length in the input to that of training, as the runtime corrects it."""
    trained = json.loads((ENTRY / "metrics.json").read_text(encoding="utf-8"))["camera"]
    height, width = sample.valid.shape
    assert sample.intrinsics is not None  # noqa: S101 - of all that is measured it is known
    seen = fit_frame((height, width), size, fit).intrinsics(sample.intrinsics)
    return math.sqrt(seen.fx / trained["fx"] * seen.fy / trained["fy"])


def table() -> str:
    """The decision's table, from the result file."""
    rows = read_result(FIGURES)["rows"]
    return markdown(
        (
            "frames",
            "fit",
            "of the frame seen",
            "abs_rel as it is",
            "focal ratio",
            "abs_rel x ratio",
        ),
        [
            (
                row["frames"],
                f"`{row['fit']}`",
                f"{row['seen_share']:.0%}",
                f"{row['abs_rel']:.3f}",
                f"{row['focal_ratio']:.2f}",
                f"{row['corrected_abs_rel']:.3f}",
            )
            for row in rows
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
