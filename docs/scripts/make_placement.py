"""`make pictures`: the placement report that docs/placement.md explains, of a bundled network.

The network is converted, calibrated with the demo's photographs, and placed on two targets:
one whose compiler takes all of it, and one whose delegate does not.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from docs.scripts.demo import CHECKPOINT
from docs.scripts.result_file import write_result
from tfl_depth.converters import split_images
from tfl_depth.converters.deployment import Placement, compile_for_target
from tfl_depth.converters.deployment.picture import placement_picture
from tfl_depth.converters.pipeline import convert_network
from tfl_depth.encoding import Spans
from tfl_depth.example_photos import PHOTOGRAPHS, photograph_folder
from tfl_depth.files import write_whole
from tfl_depth.tables import with_table
from tfl_depth.targets import TARGETS
from tfl_depth.tools.lib import target_options

DOCS = Path(__file__).resolve().parents[1]
DOCUMENT = DOCS / "placement.md"
RESULTS = DOCS / "figures" / "placement.json"
PICTURE = DOCS / "images" / "placement.png"
WHOLE, PARTLY = "ethos-u65-256", "teflon"
# Of the table: enough to show what its lines are.
SHOWN_LINES = 8


def main() -> int:
    """Convert, place, and write the picture, the result file and the document's blocks."""
    model = _converted()
    reports = {}
    for target in (WHOLE, PARTLY):
        placement = compile_for_target(model, target, TARGETS[target]).placement
        reports[target] = _printed(placement)
        if target == WHOLE:
            title = f"{CHECKPOINT.parent.name} on {target}"
            write_whole(PICTURE, _small_png(placement_picture(placement, title)))
    results = {"checkpoint": CHECKPOINT.parent.name, "reports": reports}
    write_result(RESULTS, results)
    write_whole(DOCUMENT, with_blocks(DOCUMENT.read_text("utf-8"), reports).encode())
    return 0


def with_blocks(document: str, reports: dict[str, dict[str, list[str]]]) -> str:
    """The document with the blocks made from the result file."""
    blocks = {
        "placement-table": reports[WHOLE]["table"][:SHOWN_LINES],
        "placement-whole": reports[WHOLE]["summary"],
        "placement-partly": reports[PARTLY]["summary"],
    }
    for name, lines in blocks.items():
        text = "\n".join(lines)
        document = with_table(document, name, f"```text\n{text}\n```\n", by="make pictures")
    return document


def _converted() -> bytes:
    photos = [photograph_folder() / name for name in PHOTOGRAPHS]
    images = split_images(photos, samples=100, seed=0)
    # What its weights are does not change where it runs.
    return convert_network(
        CHECKPOINT, images=images, spans=Spans.uniform(10), recipe="minmax"
    ).model


def _small_png(bgr: npt.NDArray[np.uint8]) -> bytes:
    """A PNG of 32 colors, which this picture is content with: a tenth of the bytes."""
    content = io.BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(bgr[..., ::-1]))
    picture.quantize(32, dither=Image.Dither.NONE).save(content, "PNG", optimize=True)
    return content.getvalue()


def _printed(placement: Placement) -> dict[str, list[str]]:
    return {
        "table": target_options.table(placement).splitlines(),
        "summary": target_options.summary(placement).splitlines(),
    }


if __name__ == "__main__":
    sys.exit(main())
