"""`tfl-depth infer`: photos, videos and cameras to millimetre depth maps, and pictures of them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

from tfl_depth.errors import DepthError, ImageError
from tfl_depth.runtime import DepthRunner, StreamFrame
from tfl_depth.runtime.preprocess import read_image
from tfl_depth.runtime.video import Video
from tfl_depth.tools import command
from tfl_depth.tools.camera_options import add_camera, camera
from tfl_depth.tools.input_report import InputReport
from tfl_depth.tools.inputs import Input, expand, is_video, output_stem
from tfl_depth.tools.outputs import (
    SUFFIXES,
    Outputs,
    Picture,
    describe,
    side_by_side,
    summary,
    video_writer,
)

EXAMPLE = "tfl-depth infer model.tflite photos/ video.mp4 --output depth/"
# Of the video that is written, where its source does not say.
FRAMES_PER_SECOND = 25.0
# What becomes of an input, beside a failure.
WRITTEN, FINISHED = "written", "finished before"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(argv)
    return command.run(lambda: _infer(options))


def _parser() -> argparse.ArgumentParser:
    parser = command.parser(
        "tfl-depth infer",
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
    command.add_model_and_inputs(parser, nargs="+")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="made if absent")
    parser.add_argument(
        "--save",
        type=_kinds,
        metavar="KINDS",
        help="what to write (depth,colour of photos, video of videos and cameras)",
    )
    command.add_delegate(parser)
    command.add_public_key(parser)
    command.add_faults(parser)
    command.add_threads(parser)
    add_camera(parser, "for ply")
    parser.add_argument(
        "--range",
        type=_range_mm,
        metavar="NEAR,FAR",
        help="metres of the first and the last colour (each photo's own; the model's for videos)",
    )
    parser.add_argument(
        "--frames", type=command.count, metavar="N", help="stop a video or camera after N"
    )
    parser.add_argument(
        "--keep-going", action="store_true", help="report a photo that fails, and go on"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="compute and replace what is finished"
    )
    command.add_json(parser)
    return parser


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(text.split(","))
    unknown = [kind for kind in kinds if kind not in SUFFIXES]
    if unknown:
        raise argparse.ArgumentTypeError(f"expected of {','.join(SUFFIXES)}, got {unknown[0]!r}")
    return kinds


def _range_mm(text: str) -> tuple[int, int]:
    numbers = command.numbers(text)
    if len(numbers) != 2 or not 0 <= numbers[0] < numbers[1] < float("inf"):
        raise argparse.ArgumentTypeError(f"expected metres like 0.5,10, got {text!r}")
    return round(1000 * numbers[0]), round(1000 * numbers[1])


def _infer(options: argparse.Namespace) -> None:
    inputs = expand(options.inputs)
    _refuse_what_does_not_fit(options, inputs)
    photos = [each for each in inputs if isinstance(each, Path) and not is_video(each)]
    report = InputReport(as_json=options.json)
    with DepthRunner(options.model, **_runner_settings(options)) as runner:
        options.output.mkdir(parents=True, exist_ok=True)
        failed = _infer_photos(runner, photos, options, report) if photos else 0
        for each in inputs:
            if is_video(each):
                _infer_video(runner, each, options, report)
        placement = asdict(runner.placement)
    if options.json:
        document = {"model": str(options.model), "placement": placement, "inputs": report.inputs}
        print(json.dumps(document, indent=2))
    if failed:
        raise ImageError(f"{failed} of {len(photos)} photos failed; their errors stand above.")


def _runner_settings(options: argparse.Namespace) -> dict[str, Any]:
    return {
        **command.runner_settings(options),
        **command.fault_settings(options),
        "num_threads": options.threads,
    }


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
    return Outputs(
        options.save or kinds, options.output, camera(options), options.range or limits_mm
    )


# Photos


def _infer_photos(
    runner: DepthRunner, photos: list[Path], options: argparse.Namespace, report: InputReport
) -> int:
    """Write the outputs of photos; how many failed, which only --keep-going allows."""
    outputs = _outputs(options, ("depth", "colour"), None)

    def files_of(photo: Path) -> list[Path]:
        return outputs.files(photo.stem, runner.depth_dtype)

    finished = [
        photo
        for photo in photos
        if not options.overwrite and _are_newer(files_of(photo), (photo, options.model))
    ]
    for photo in finished:
        report.add(photo, FINISHED, files=[*map(str, files_of(photo))])
    if finished:
        report.say(f"{len(finished)} of {len(photos)} photos were finished before.")
    done = set(finished)
    todo = [photo for photo in photos if photo not in done]
    failed = 0
    for photo in command.progress(todo, len(todo), "infer"):
        try:
            bgr = read_image(photo)
            depth_mm = runner.infer(bgr)
            # Of a large photo only what is written stays in memory.
            shown = bgr if "ply" in outputs.kinds else None
            del bgr
        except DepthError as error:
            if not options.keep_going:
                raise
            report.fail(photo, error)
            failed += 1
            continue
        outputs.write(photo.stem, depth_mm, shown)
        report.say(f"{photo}: {describe(depth_mm)}")
        report.add(photo, WRITTEN, files=[*map(str, files_of(photo))], **summary(depth_mm))
    return failed


def _are_newer(files: Iterable[Path], sources: Iterable[Path]) -> bool:
    """Whether all these are there, and no source was changed since."""
    if not all(path.is_file() for path in (*files, *sources)):
        return False
    newest = max(path.stat().st_mtime_ns for path in sources)
    return all(path.stat().st_mtime_ns >= newest for path in files)


# Videos and cameras


def _infer_video(
    runner: DepthRunner, source: Input, options: argparse.Namespace, report: InputReport
) -> None:
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
        report.say(f"{source} was finished before.")
        report.add(source, FINISHED, files=[str(file)])
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
    median_ms, p95_ms = (1000 * frames.latency_s(percent) for percent in (50, 95))
    report.say(
        f"{video.name}: {frames.delivered} frames, {frames.dropped} dropped, latency "
        f"{median_ms:.1f} ms, 95 % within {p95_ms:.1f} ms"
    )
    report.add(
        video.name,
        WRITTEN,
        files=[str(file)] if with_video else [],
        frames=frames.delivered,
        dropped=frames.dropped,
        latency_ms={"median": median_ms, "p95": p95_ms},
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
