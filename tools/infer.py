"""tools/infer: photos, videos and cameras to millimetre depth maps, and pictures of them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from tfl_depth.errors import DepthError, ImageError
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.runtime import DepthRunner, StreamFrame
from tfl_depth.runtime.preprocess import read_image
from tfl_depth.runtime.video import Video
from tfl_depth.tools import command
from tfl_depth.tools.inputs import Input, expand, is_video, output_stem
from tfl_depth.tools.outputs import SUFFIXES, Outputs, Picture, describe, side_by_side, video_writer

EXAMPLE = "tools/infer model.tflite photos/ video.mp4 --output depth/"
# Of the video that is written, where its source does not say.
FRAMES_PER_SECOND = 25.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(argv)
    return command.run(lambda: _infer(options))


def _parser() -> argparse.ArgumentParser:
    parser = command.parser(
        "infer",
        "Compute depth of photos, videos and cameras. For each NAME.* the output folder gets\n"
        "what --save lists:\n"
        "  depth   NAME_depth.png, 16 bit, millimetres, 0 = no depth (NAME_depth.npy where the\n"
        "          model's range passes 65.535 m)\n"
        "  colour  NAME_colour.png, a picture with a legend in metres\n"
        "  npy     NAME_depth.npy, millimetres\n"
        "  ply     NAME_points.ply, a point cloud in metres: x right, y down, z forward\n"
        "  video   NAME_depth.mp4, a video or a camera side by side with its depth\n"
        "Frames of a video have the other kinds as NAME_000000_*. A photo whose files are newer\n"
        "than it and the model is skipped, so that a folder can be gone on with.",
        EXAMPLE,
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="a .tflite of tools/convert")
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="image and video files, folders of photos, patterns, or camera:0",
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="made if absent")
    parser.add_argument(
        "--save",
        type=_kinds,
        metavar="KINDS",
        help="what to write (depth,colour of photos, video of videos and cameras)",
    )
    command.add_delegate(parser)
    camera = parser.add_mutually_exclusive_group()
    camera.add_argument(
        "--intrinsics",
        type=_intrinsics,
        metavar="FX,FY,CX,CY",
        help="the camera, in pixels of the image, for ply",
    )
    camera.add_argument(
        "--fov", type=_degrees, metavar="DEGREES", help="its horizontal field of view instead"
    )
    parser.add_argument(
        "--range",
        type=_range_mm,
        metavar="NEAR,FAR",
        help="metres of the first and the last colour (each photo's own; the model's for videos)",
    )
    parser.add_argument("--frames", type=_count, metavar="K", help="stop a video or camera after K")
    parser.add_argument(
        "--keep-going", action="store_true", help="report a photo that fails, and go on"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="compute what is finished once more"
    )
    return parser


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(text.split(","))
    unknown = [kind for kind in kinds if kind not in SUFFIXES]
    if unknown:
        raise argparse.ArgumentTypeError(f"expected of {','.join(SUFFIXES)}, got {unknown[0]!r}")
    return kinds


def _intrinsics(text: str) -> Intrinsics:
    numbers = command.numbers(text)
    if len(numbers) != 4 or not np.isfinite(numbers).all() or min(numbers[:2]) <= 0:
        raise argparse.ArgumentTypeError(
            f"expected fx,fy,cx,cy in pixels, like 525,525,319.5,239.5, got {text!r}"
        )
    return Intrinsics(*numbers)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def _degrees(text: str) -> float:
    numbers = command.numbers(text)
    if len(numbers) != 1 or not 0 < numbers[0] < 180:
        raise argparse.ArgumentTypeError(f"expected degrees between 0 and 180, got {text!r}")
    return numbers[0]


def _range_mm(text: str) -> tuple[int, int]:
    numbers = command.numbers(text)
    if len(numbers) != 2 or not 0 <= numbers[0] < numbers[1] < float("inf"):
        raise argparse.ArgumentTypeError(f"expected metres like 0.5,10, got {text!r}")
    return round(1000 * numbers[0]), round(1000 * numbers[1])


def _infer(options: argparse.Namespace) -> None:
    inputs = expand(options.inputs)
    _refuse_what_does_not_fit(options, inputs)
    photos = [each for each in inputs if isinstance(each, Path) and not is_video(each)]
    with DepthRunner(options.model, **command.runner_settings(options)) as runner:
        options.output.mkdir(parents=True, exist_ok=True)
        failed = _infer_photos(runner, photos, options) if photos else 0
        for each in inputs:
            if is_video(each):
                _infer_video(runner, each, options)
    if failed:
        raise ImageError(f"{failed} of {len(photos)} photos failed; their errors stand above.")


def _refuse_what_does_not_fit(options: argparse.Namespace, inputs: Sequence[Input]) -> None:
    kinds = options.save or ()
    if "ply" in kinds and options.fov is None and options.intrinsics is None:
        raise ImageError("A point cloud needs the camera: give --intrinsics or --fov.")
    if "video" in kinds and not all(map(is_video, inputs)):
        raise ImageError("Photos make no video: leave video out of --save, or the photos away.")
    folders = [Path(name).resolve() for name in options.inputs if Path(name).is_dir()]
    if options.output.resolve() in folders:
        raise ImageError(
            f"Expected --output to be another folder than the photos', got {options.output}: its "
            "pictures would be taken for photos."
        )


def _outputs(
    options: argparse.Namespace, kinds: tuple[str, ...], limits_mm: tuple[int, int] | None
) -> Outputs:
    camera: Callable[[tuple[int, ...]], Intrinsics] | None = None
    if options.intrinsics is not None:
        camera = lambda _size: options.intrinsics  # noqa: E731 - a constant
    elif options.fov is not None:
        camera = partial(Intrinsics.from_field_of_view, options.fov)
    return Outputs(options.save or kinds, options.output, camera, options.range or limits_mm)


# Photos


def _infer_photos(runner: DepthRunner, photos: list[Path], options: argparse.Namespace) -> int:
    """Write the outputs of photos; how many failed, which only --keep-going allows."""
    outputs = _outputs(options, ("depth", "colour"), None)

    def is_finished(photo: Path) -> bool:
        files = outputs.files(photo.stem, runner.depth_dtype)
        return not options.overwrite and _are_newer(files, (photo, options.model))

    todo = [photo for photo in photos if not is_finished(photo)]
    if len(todo) < len(photos):
        print(f"{len(photos) - len(todo)} of {len(photos)} photos were finished before.")
    failed = 0
    for photo in command.progress(todo, len(todo), "infer"):
        try:
            bgr = read_image(photo)
            depth_mm = runner.infer(bgr)
        except DepthError as error:
            if not options.keep_going:
                raise
            print(f"error: {photo}: {error}", file=sys.stderr)
            failed += 1
            continue
        outputs.write(photo.stem, depth_mm, bgr)
        print(f"{photo}: {describe(depth_mm)}")
    return failed


def _are_newer(files: Iterable[Path], sources: Iterable[Path]) -> bool:
    """Whether all these are there, and no source was changed since."""
    if not all(path.is_file() for path in (*files, *sources)):
        return False
    newest = max(path.stat().st_mtime_ns for path in sources)
    return all(path.stat().st_mtime_ns >= newest for path in files)


# Videos and cameras


def _infer_video(runner: DepthRunner, source: Input, options: argparse.Namespace) -> None:
    edges_m = runner.contract.edges_m
    limits_mm = (round(1000 * edges_m[0]), round(1000 * edges_m[-1]))
    outputs = _outputs(options, ("video",), limits_mm)
    stem = output_stem(source)
    file = options.output / f"{stem}{SUFFIXES['video']}"
    with_video = "video" in outputs.kinds
    # The video is the last that is written.
    finished = (
        with_video and isinstance(source, Path) and _are_newer([file], [source, options.model])
    )
    if finished and not options.overwrite:
        print(f"{source} was finished before.")
        return
    with (
        Video(source) as video,
        runner.stream(video, on_full="drop_oldest" if video.is_camera else "block") as frames,
        video_writer(file, video.frames_per_second or FRAMES_PER_SECOND)
        if with_video
        else nullcontext() as write,
    ):
        total = options.frames or video.frame_count
        shown = command.progress(islice(frames, total), total, video.name)
        try:
            _write_frames(shown, stem, outputs, write)
        except KeyboardInterrupt:
            if not video.is_camera:  # which has no other end
                raise
        if not frames.delivered:
            raise ImageError(f"{video.name} was stopped before its first frame.")
    print(
        f"{video.name}: {frames.delivered} frames, {frames.dropped} dropped, latency "
        f"{1000 * frames.latency_s(50):.1f} ms, 95 % within {1000 * frames.latency_s(95):.1f} ms"
    )


def _write_frames(
    frames: Iterable[StreamFrame],
    stem: str,
    outputs: Outputs,
    write: Callable[[Picture], None] | None,
) -> None:
    of_each = replace(outputs, kinds=tuple(kind for kind in outputs.kinds if kind != "video"))
    for frame in frames:
        of_each.write(f"{stem}_{frame.number:06d}", frame.depth_mm, frame.pixels)
        if write is not None:
            write(side_by_side(frame.pixels, outputs.colourised(frame.depth_mm)))
