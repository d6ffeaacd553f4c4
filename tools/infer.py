"""`tfl-depth infer`: photos, videos and cameras to millimetre depth maps, and pictures of them."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import tfl_depth
from tfl_depth.errors import DepthError, ImageError, TruncatedVideoError
from tfl_depth.runtime import DepthRunner, StreamFrame
from tfl_depth.runtime.preprocess import read_image
from tfl_depth.runtime.video import Video
from tfl_depth.tools.lib import cli_common
from tfl_depth.tools.lib.camera_options import add_camera, camera
from tfl_depth.tools.lib.finished import RECORD, Finished
from tfl_depth.tools.lib.input_report import InputReport
from tfl_depth.tools.lib.inputs import Input, expand, is_video, output_stem
from tfl_depth.tools.lib.outputs import (
    SUFFIXES,
    Outputs,
    Pace,
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
WRITTEN, FINISHED, CUT = "written", "finished before", "ends early"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(argv)
    return cli_common.run(lambda: _infer(options))


def _parser() -> argparse.ArgumentParser:
    parser = cli_common.parser(
        "tfl-depth infer",
        "Compute depth of photos, videos and cameras. For each NAME.* the output folder gets\n"
        "what --save lists:\n"
        "  depth   NAME_depth.png, 16 bit, millimetres, 0 = no depth (NAME_depth.npy where the\n"
        "          model's range passes 65.535 m)\n"
        "  colour  NAME_colour.png, a picture with a legend in metres\n"
        "  npy     NAME_depth.npy, millimetres\n"
        "  ply     NAME_points.ply, a point cloud in metres: x right, y down, z forward\n"
        "  video   NAME_depth.mp4, a video or a camera side by side with its depth\n"
        "Frames of a video have the other kinds as NAME_000000_*. What the same photo, model and\n"
        "options have made before is skipped, so that a folder can be gone on with; the folder's\n"
        f"{RECORD} knows.",
        EXAMPLE,
    )
    cli_common.add_model_and_inputs(parser, nargs="+")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="made if absent")
    parser.add_argument(
        "--save",
        type=_kinds,
        metavar="KINDS",
        help="what to write (depth,colour of photos, video of videos and cameras)",
    )
    cli_common.add_delegate(parser)
    cli_common.add_public_key(parser)
    cli_common.add_faults(parser)
    cli_common.add_threads(parser)
    add_camera(parser, "for ply")
    parser.add_argument(
        "--range",
        type=_range_mm,
        metavar="NEAR,FAR",
        help="metres of the first and the last colour (each photo's own; the model's for videos)",
    )
    parser.add_argument(
        "--frames", type=cli_common.count, metavar="N", help="stop a video or camera after N"
    )
    parser.add_argument(
        "--keep-going",
        action="store_true",
        help="report a photo that fails or a video that ends early, and go on",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="compute and replace what is finished"
    )
    cli_common.add_json(parser)
    return parser


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(text.split(","))
    unknown = [kind for kind in kinds if kind not in SUFFIXES]
    if unknown:
        raise argparse.ArgumentTypeError(f"expected of {','.join(SUFFIXES)}, got {unknown[0]!r}")
    return kinds


def _range_mm(text: str) -> tuple[int, int]:
    numbers = cli_common.numbers(text)
    if len(numbers) != 2 or not 0 <= numbers[0] < numbers[1] < float("inf"):
        raise argparse.ArgumentTypeError(f"expected metres like 0.5,10, got {text!r}")
    return round(1000 * numbers[0]), round(1000 * numbers[1])


def _infer(options: argparse.Namespace) -> None:
    inputs = expand(options.inputs)
    _refuse_what_does_not_fit(options, inputs)
    photos = [each for each in inputs if isinstance(each, Path) and not is_video(each)]
    report = InputReport(as_json=options.json)
    with (
        DepthRunner(options.model, **_runner_settings(options)) as runner,
        Finished(_folder(options.output), _made_by(options)) as finished,
    ):
        failed = _infer_photos(runner, photos, options, report, finished) if photos else 0
        for each in inputs:
            if is_video(each):
                _infer_video(runner, each, options, report, finished)
        placement = asdict(runner.delegate_coverage)
    if options.json:
        document = {"model": str(options.model), "placement": placement, "inputs": report.inputs}
        print(json.dumps(document, indent=2))
    if failed:
        raise ImageError(f"{failed} of {len(photos)} photos failed; their errors stand above.")


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _made_by(options: argparse.Namespace) -> dict[str, Any]:
    """All that the files depend on, beside what they are made of."""
    named = ("save", "range", "intrinsics", "fov", "frames", "delegate", "option")
    return {
        "model": hashlib.sha256(options.model.read_bytes()).hexdigest(),
        "tfl-depth": tfl_depth.__version__,
        **{name: str(getattr(options, name)) for name in named},
    }


def _runner_settings(options: argparse.Namespace) -> dict[str, Any]:
    return {
        **cli_common.runner_settings(options),
        **cli_common.fault_settings(options),
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
    runner: DepthRunner,
    photos: list[Path],
    options: argparse.Namespace,
    report: InputReport,
    finished: Finished,
) -> int:
    """Write the outputs of photos; how many failed, which only --keep-going allows."""
    outputs = _outputs(options, ("depth", "colour"), None)

    def files_of(photo: Path) -> list[Path]:
        return outputs.files(photo.stem, runner.depth_dtype)

    done = {
        photo
        for photo in photos
        if not options.overwrite and finished.has(photo, photo.stem, files_of(photo))
    }
    for photo in photos:
        if photo in done:
            report.add(photo, FINISHED, files=[*map(str, files_of(photo))])
    if done:
        report.say(f"{len(done)} of {len(photos)} photos were finished before.")
    todo = [photo for photo in photos if photo not in done]
    failed = 0
    for photo in cli_common.progress(todo, len(todo), "infer"):
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
        finished.add(photo, photo.stem, files_of(photo))
        report.say(f"{photo}: {describe(depth_mm)}")
        report.add(photo, WRITTEN, files=[*map(str, files_of(photo))], **summary(depth_mm))
    return failed


# Videos and cameras


def _infer_video(
    runner: DepthRunner,
    source: Input,
    options: argparse.Namespace,
    report: InputReport,
    finished: Finished,
) -> None:
    edges_m = runner.contract.edges_m
    limits_mm = (round(1000 * edges_m[0]), round(1000 * edges_m[-1]))
    outputs = _outputs(options, ("video",), limits_mm)
    stem = output_stem(source)
    file = options.output / f"{stem}{SUFFIXES['video']}"
    with_video = "video" in outputs.kinds
    # The video is the last that is written.
    noted = source if with_video and isinstance(source, Path) else None
    if noted is not None and not options.overwrite and finished.has(noted, stem, [file]):
        report.say(f"{source} was finished before.")
        report.add(source, FINISHED, files=[str(file)])
        return
    cut: TruncatedVideoError | None = None
    with (
        Video(source) as video,
        runner.stream(video, on_full="drop_oldest" if video.is_camera else "block") as frames,
        video_writer(file, video.frames_per_second or FRAMES_PER_SECOND)
        if with_video
        else nullcontext() as write,
    ):
        # Not so many as the file says that it has: it may not know.
        total = options.frames or video.frame_count
        shown = cli_common.progress(islice(frames, options.frames), total, video.name)
        try:
            rate = video.frames_per_second or FRAMES_PER_SECOND
            _write_frames(shown, stem, outputs, write, rate)
        except KeyboardInterrupt:
            if not video.is_camera:  # which has no other end
                raise
        except TruncatedVideoError as error:
            cut = error
        if not frames.delivered:
            raise ImageError(f"{video.name} was stopped before its first frame.")
    median_ms, p95_ms = (1000 * frames.latency_s(percent) for percent in (50, 95))
    report.say(
        f"{video.name}: {frames.delivered} frames, {frames.dropped} dropped, latency "
        f"{median_ms:.1f} ms, 95 % within {p95_ms:.1f} ms"
    )
    report.add(
        video.name,
        WRITTEN if cut is None else CUT,
        files=[str(file)] if with_video else [],
        frames=frames.delivered,
        dropped=frames.dropped,
        latency_ms={"median": median_ms, "p95": p95_ms},
    )
    if cut is None:
        if noted is not None:
            finished.add(noted, stem, [file])
    elif options.keep_going:
        report.warn(f"{cut} What is written ends there.")
    else:
        raise cut


def _write_frames(
    frames: Iterable[StreamFrame],
    stem: str,
    outputs: Outputs,
    write: Callable[[Picture], None] | None,
    frames_per_second: float,
) -> None:
    of_each = replace(outputs, kinds=tuple(kind for kind in outputs.kinds if kind != "video"))
    pace, before = Pace(frames_per_second), None
    for frame in frames:
        of_each.write(f"{stem}_{frame.number:06d}", frame.depth_mm, frame.pixels)
        if write is not None:
            picture = side_by_side(frame.pixels, outputs.colourised(frame.depth_mm))
            for _ in range(pace.repeats(frame.time_s)):
                write(picture if before is None else before)
            write(picture)
            before = picture
