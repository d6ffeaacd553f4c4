"""Photos of `tfl-depth infer` in blocks, for many workers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tfl_depth.runtime import DepthRunner
from tfl_depth.tools.lib.photo_result import PhotoResult, infer_photo, photo_outputs
from tfl_depth.tools.lib.workers import block_slices, for_workers, open_workers


@dataclass(frozen=True)
class PhotoBlock:
    """The work of one worker.

    Attributes:
        options: of `tfl-depth infer`.
        settings: arguments of `DepthRunner`.
        photos: the worker writes their outputs.
    """

    options: argparse.Namespace
    settings: Mapping[str, Any]
    photos: Sequence[Path]


def infer_block(block: PhotoBlock) -> list[PhotoResult]:
    """Write the outputs of a block, up to its first bad photo unless --skip-bad is given."""
    settings = {**block.settings, "num_threads": block.settings["num_threads"] or 1}
    results: list[PhotoResult] = []
    with DepthRunner(block.options.model, **settings) as runner:
        outputs = photo_outputs(runner, block.options)
        for photo in block.photos:
            results.append(infer_photo(runner, photo, outputs))
            if results[-1].error and not block.options.skip_bad:
                break
    return results


def infer_in_blocks(
    photos: Sequence[Path], options: argparse.Namespace, settings: Mapping[str, Any]
) -> Iterator[PhotoResult]:
    """Yield the results of photos in order, as blocks are finished.

    Raises:
        DepthError: a block fails again and again.
    """
    named, sent = iter(photos), for_workers(options)
    absolute = [photo.absolute() for photo in photos]
    units = [PhotoBlock(sent, settings, absolute[part]) for part in block_slices(len(absolute))]
    with open_workers(options) as compute:
        for results in compute(infer_block, units):
            for result in results:
                yield replace(result, photo=next(named))
