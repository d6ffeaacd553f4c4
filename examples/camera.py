"""How far away what a camera looks at is, live.

    python examples/camera.py model.tflite              the first camera, until Ctrl-C
    python examples/camera.py model.tflite drive.mp4    or a video

While the network is busy a newer frame takes the place of the one that waits: what is printed is of
now, and never of a queue of old frames. For a video that must be complete, leave `on_full` out.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from tfl_depth.runtime import DepthError, DepthRunner


def main(model: str, source: str) -> None:
    """Print the median depth of the middle of each frame that there was time for."""
    camera_or_file = int(source) if source.isdecimal() else source
    with (
        DepthRunner(model) as runner,
        runner.stream(camera_or_file, on_full="drop_oldest", waiting=1) as frames,
    ):
        for frame in frames:
            height, width = frame.depth_mm.shape
            middle = frame.depth_mm[height // 3 : -height // 3, width // 3 : -width // 3]
            depth_m = np.median(middle[middle > 0]) / 1000 if middle.any() else np.nan
            print(
                f"frame {frame.number}: {depth_m:.3f} m, {1000 * frame.latency_s:.0f} ms ago, "
                f"{frames.dropped} dropped",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("source", nargs="?", default="0")
    try:
        main(**vars(parser.parse_args()))
    except DepthError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        pass
