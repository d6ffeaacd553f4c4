"""The network of a study as a float .tflite, imported once from its framework."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from tfl_depth.converters.importers.kinds import Format, Framework
from tfl_depth.converters.network import DepthNetwork, open_network
from tfl_depth.converters.representative import read_calibration
from tfl_depth.files import write_together
from tfl_depth.strategy.results import from_json
from tfl_depth.strategy.study_input import Grid, NetworkOptions, Pixels, StudyInput

# The number of photos to open a network with.
OPENING_PHOTOS = 16

ReadPhotos = Callable[[tuple[int, int]], list[Pixels]]


@dataclass(frozen=True)
class ImportRecord:
    """The record of a network's import to a float .tflite.

    Attributes:
        format, framework: of the source.
        difference_mm: the largest change of depth.
    """

    format: Format
    framework: Framework
    difference_mm: float


@dataclass(frozen=True)
class StudyNetwork:
    """A float network whose depth is measured in meters.

    Attributes:
        model: a float .tflite of a fixed size.
        options: how it takes pixels and what its output means.
        record: of its import.
        read_photos: gives a few photos to calibrate with, at (height, width).
    """

    model: bytes
    options: NetworkOptions
    record: ImportRecord
    read_photos: ReadPhotos

    @cached_property
    def _opened(self) -> DepthNetwork:
        return open_network(
            self.model,
            size=None,
            output_name=self.options.output_name,
            formula=self.options.formula,
            pixels=self.options.pixels,
            read_photos=self.read_photos,
        )

    def opened(self) -> DepthNetwork:
        """The network as a graph, which may be changed."""
        graph, mine = self._opened.graph.copy_with_map()
        stage = replace(self._opened.stage, tensor=mine[self._opened.stage.tensor])
        return replace(self._opened, graph=graph, stage=stage)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of its input."""
        return self._opened.size

    def depth(self, photos: Sequence[Pixels]) -> list[Grid]:
        """Its depth in meters, (h, w) each, for photos of the network's size."""
        opened = self._opened
        return [np.asarray(opened.depth(each), np.float32) for each in photos]


def import_for_study(study_input: StudyInput, work: Path) -> StudyNetwork:
    """Import a study's network, or use the import of an earlier run.

    Args:
        study_input: names the network.
        work: a folder of this study's own, where the import is kept.

    Raises:
        ConversionError: the network cannot be converted.
    """

    def read_photos(size: tuple[int, int]) -> list[Pixels]:
        return list(read_calibration(study_input.images(OPENING_PHOTOS), size))

    return kept_network(
        work / "imported.tflite",
        study_input.options,
        read_photos,
        lambda: _imported(study_input, read_photos),
    )


def kept_network(
    path: Path,
    options: NetworkOptions,
    read_photos: ReadPhotos,
    make: Callable[[], tuple[bytes, ImportRecord]],
) -> StudyNetwork:
    """Read the stored network of an earlier run, or make it and store it."""
    record = path.with_suffix(".json")
    if not (path.exists() and record.exists()):
        content, made = make()
        write_together({path: content, record: json.dumps(asdict(made)).encode()})
    kept = from_json(ImportRecord, record.read_text(encoding="utf-8"))
    return StudyNetwork(path.read_bytes(), replace(options, size=None), kept, read_photos)


def _imported(study_input: StudyInput, read_photos: ReadPhotos) -> tuple[bytes, ImportRecord]:
    options = study_input.options
    network = open_network(
        study_input.source,
        size=options.size,
        output_name=options.output_name,
        formula=options.formula,
        pixels=options.pixels,
        read_photos=read_photos,
    )
    imported = network.imported
    try:
        difference_mm = network.import_difference_mm(study_input.max_depth_m)
    finally:
        imported.close()
    return imported.model, ImportRecord(imported.format, imported.framework, difference_mm)
