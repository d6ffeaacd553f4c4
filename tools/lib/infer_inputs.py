"""The inputs of `tfl-depth infer`: compute, write and report each photo, video and camera."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

from tfl_depth.errors import ImageError, TruncatedVideoError
from tfl_depth.runtime import DepthRunner, StreamFrame
from tfl_depth.runtime.colorize import side_by_side
from tfl_depth.runtime.inputs import Input
from tfl_depth.runtime.live_view import what_on_full
from tfl_depth.runtime.stream import Stream
from tfl_depth.runtime.video import Video
from tfl_depth.tools.lib import command_progress
from tfl_depth.tools.lib.finished import Finished
from tfl_depth.tools.lib.input_report import InputReport, InputState
from tfl_depth.tools.lib.output_names import output_stem
from tfl_depth.tools.lib.outputs import (
    SUFFIXES,
    Outputs,
    Pace,
    Picture,
    video_writer,
)
from tfl_depth.tools.lib.photo_blocks import infer_in_blocks
from tfl_depth.tools.lib.photo_result import (
    PhotoResult,
    infer_photo,
    outputs_of,
    photo_outputs,
)
from tfl_depth.tools.lib.workers import are_many

# Frames per second of the written video if the source's rate is unknown.
FRAMES_PER_SECOND = 25.0
# Results of an input other than a failure.
WRITTEN: Final = "written"
FINISHED: Final = "finished before"
CUT: Final = "ends early"


def infer_photos(
    runner: DepthRunner,
    photos: list[Path],
    options: argparse.Namespace,
    report: InputReport,
    finished: Finished,
    settings: Mapping[str, Any],
) -> int:
    """Write the outputs of photos, and return the number of failures (0 without --skip-bad).

    `settings` are the arguments of `DepthRunner`, for other processes.
    """
    outputs = photo_outputs(runner, options)

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
    shown = command_progress.progress(
        _results(runner, todo, outputs, options, settings), len(todo), "infer"
    )
    for result in shown:
        photo = result.photo
        if result.error is not None:
            if not options.skip_bad:
                raise result.error
            report.fail(photo, result.error)
            failed += 1
            continue
        finished.add(photo, photo.stem, files_of(photo))
        report.say(f"{photo}: {result.line}")
        report.add(photo, WRITTEN, files=[*map(str, files_of(photo))], **result.found or {})
    return failed


def _results(
    runner: DepthRunner,
    photos: Sequence[Path],
    outputs: Outputs,
    options: argparse.Namespace,
    settings: Mapping[str, Any],
) -> Iterator[PhotoResult]:
    """Compute photos one by one in this process, or in blocks by many workers."""
    if are_many(options):
        yield from infer_in_blocks(photos, options, settings)
        return
    for photo in photos:
        yield infer_photo(runner, photo, outputs)


def infer_video(
    runner: DepthRunner,
    source: Input,
    options: argparse.Namespace,
    report: InputReport,
    finished: Finished,
) -> None:
    """Write the outputs of a video, or of a camera until it is stopped.

    Raises:
        ImageError: it has no frame.
        TruncatedVideoError: it ends early, without --skip-bad.
    """
    outputs = outputs_of(runner, options, ("video",), options.range or runner.range_m)
    stem = output_stem(source)
    file = options.output / f"{stem}{SUFFIXES['video']}"
    with_video = "video" in outputs.kinds
    # The video is written last.
    noted = source if with_video and isinstance(source, Path) else None
    if noted is not None and not options.overwrite and finished.has(noted, stem, [file]):
        report.say(f"{source} was finished before.")
        report.add(source, FINISHED, files=[str(file)])
        return
    cut: TruncatedVideoError | None = None
    with (
        Video(source) as video,
        runner.stream(
            video,
            on_full=what_on_full(video, realtime=options.realtime),
            every=options.every,
            realtime=options.realtime,
        ) as frames,
        video_writer(file, _rate(video, options)) if with_video else nullcontext() as write,
    ):
        # Not the number in the file's header, which may be wrong.
        total = options.frames or (video.frame_count and video.frame_count // options.every)
        shown = command_progress.progress(islice(frames, options.frames), total, video.name)
        try:
            _write_frames(shown, stem, outputs, write, _rate(video, options))
        except KeyboardInterrupt:
            if not video.is_camera:  # a camera ends only so
                raise
        except TruncatedVideoError as error:
            cut = error
        if not frames.delivered:
            raise ImageError(f"{video.name} was stopped before its first frame.")
    report_frames(
        video.name, frames, report, WRITTEN if cut is None else CUT, [file] if with_video else []
    )
    if cut is None:
        if noted is not None:
            finished.add(noted, stem, [file])
    elif options.skip_bad:
        report.warn(f"{cut} The outputs end there.")
    else:
        raise cut


def report_frames(
    name: str, frames: Stream, report: InputReport, state: InputState, files: list[Path]
) -> None:
    """Report the number of frames and their latency."""
    median_ms, p95_ms = (1000 * frames.latency_s(percent) for percent in (50, 95))
    report.say(
        f"{name}: {frames.delivered} frames, {frames.dropped} dropped, latency "
        f"{median_ms:.1f} ms, 95 % within {p95_ms:.1f} ms"
    )
    report.add(
        name,
        state,
        files=[*map(str, files)],
        frames=frames.delivered,
        dropped=frames.dropped,
        latency_ms={"median": median_ms, "p95": p95_ms},
    )


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
            picture = side_by_side(frame.pixels, outputs.colorized(frame.depth_mm))
            for _ in range(pace.repeats(frame.time_s)):
                write(picture if before is None else before)
            write(picture)
            before = picture


def _rate(video: Video, options: argparse.Namespace) -> float:
    """Frames per second of the video that is written."""
    every: int = options.every
    return (video.frames_per_second or FRAMES_PER_SECOND) / every
