"""The photos of `tfl-depth evaluate` in blocks: noted beside the output, and for many workers."""

from __future__ import annotations

import argparse
import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from absl import logging

import tfl_depth
from tfl_depth.evaluation.image_scores import ImageScores, score_image
from tfl_depth.strategy.result_store import ResultStore
from tfl_depth.tools.lib import camera_options, runner_options
from tfl_depth.tools.lib.evaluate_predictor import open_predictor
from tfl_depth.tools.lib.workers import Workers, block_slices, for_workers

if TYPE_CHECKING:
    from tfl_depth.data.frames import Frames
    from tfl_depth.evaluation.evaluate import Predictor

# The folder of notes in the output folder, as long as the command runs or was interrupted.
NOTES = ".tfl-depth-evaluate"
# Bins of true distance, up to the largest range of any dataset. Empty ones are not shown.
DISTANCE_EDGES_M = (0, 1, 2, 3, 5, 10, 20, 40, 80, 160, 1000)


@dataclass(frozen=True)
class EvaluateBlock:
    """The work of one worker.

    Attributes:
        options: of `tfl-depth evaluate`.
        model: that is measured.
        zooms: to show the photos at; empty: none.
        samples: the photos with their truth, on disk.
    """

    options: argparse.Namespace
    model: Path
    zooms: Sequence[float]
    samples: Frames


@dataclass(frozen=True)
class BlockScores:
    """The scores of a block's images."""

    images: tuple[ImageScores, ...]


def score_block(predict: Predictor, block: EvaluateBlock) -> BlockScores:
    """Measure a block."""
    from tfl_depth.data import DATASETS

    dataset = DATASETS[block.options.dataset]
    return BlockScores(
        tuple(
            score_image(predict, sample, dataset, DISTANCE_EDGES_M, block.zooms)
            for sample in block.samples
        )
    )


def open_and_score(block: EvaluateBlock) -> BlockScores:
    """Measure a block in a worker."""
    with open_predictor(block.options, block.model, None, {}, num_threads=1) as predict:
        return score_block(predict, block)


def image_scores(
    predict: Predictor, whole: EvaluateBlock, workers: Workers | None
) -> Iterator[ImageScores]:
    """Yield the scores of all images in order, and store them if there is an output folder.

    Args:
        predict: by the model.
        whole: all images.
        workers: measure blocks of them; None: they are measured here, by `predict`.
    """
    notes, asked = _notes(whole.options.output), _asked(whole)
    parts = _blocks(whole, for_workers(whole.options))
    names = [f"{asked} {number}" for number in range(len(parts))]
    files = [_state(part.samples.files) for part in parts]
    kept = [
        None if notes is None else notes.kept(name, BlockScores, state)
        for name, state in zip(names, files, strict=True)
    ]
    before = sum(len(each.images) for each in kept if each is not None)
    if before:
        logging.info("%d of %d photos were measured before.", before, len(whole.samples))
    missing = [part for part, known in zip(parts, kept, strict=True) if known is None]
    made = (
        (score_block(predict, block) for block in missing)
        if workers is None
        else workers(open_and_score, missing)
    )
    for name, state, known in zip(names, files, kept, strict=True):
        found = next(made) if known is None else known
        if notes is not None and known is None:
            notes.keep(name, state, found)
        yield from found.images


def remove_notes(output: Path) -> None:
    """Remove the notes from an output folder that is complete."""
    shutil.rmtree(output / NOTES, ignore_errors=True)


def _notes(output: Path | None) -> ResultStore | None:
    return None if output is None else ResultStore(output / NOTES)


def _blocks(whole: EvaluateBlock, options: argparse.Namespace) -> list[EvaluateBlock]:
    return [
        EvaluateBlock(options, whole.model.absolute(), whole.zooms, whole.samples[part])
        for part in block_slices(len(whole.samples))
    ]


def _asked(whole: EvaluateBlock) -> str:
    """Digest of everything that scores depend on, except the photos and their truth."""
    options = whole.options
    asked = {
        "tfl-depth": tfl_depth.__version__,
        "model": hashlib.sha256(whole.model.read_bytes()).hexdigest(),
        "dataset": options.dataset,
        "zooms": whole.zooms,
        "runner": runner_options.runner_settings(options),
        "camera": camera_options.camera_settings(options),
        "board": options.board,
    }
    return hashlib.sha256(repr(asked).encode(errors="surrogateescape")).hexdigest()[:16]


def _state(files: Sequence[Path]) -> str:
    """Digest of the names, sizes and dates of a block's files."""
    digest = hashlib.sha256()
    for file in files:
        found = file.stat()
        digest.update(repr((str(file), found.st_size, found.st_mtime_ns)).encode(errors="replace"))
    return digest.hexdigest()
