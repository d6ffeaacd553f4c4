"""A network that has come in: its float graph in the plain form, and its source to compare with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tfl_depth.converters.graph import Graph, read_graph
from tfl_depth.converters.graph.rewrites import canonicalize
from tfl_depth.converters.graph.rewrites.input_normalization import (
    InputOptions,
    InputStage,
    take_input,
)
from tfl_depth.converters.head import Formula, choose_output
from tfl_depth.converters.importers import import_network
from tfl_depth.converters.importers.tflite import TfliteRunner
from tfl_depth.converters.verify.reference import SourceDepth
from tfl_depth.errors import ConversionError

if TYPE_CHECKING:
    from tfl_depth.converters.importers.base import ImportedNetwork, Source

# Of the range: what an import may change of the depth, in its largest difference.
LARGEST_DIFFERENCE = 0.02
# Photos by which it is measured.
IMPORT_PHOTOS = 8

Pixels = npt.NDArray[np.uint8]
Size = tuple[int, int]


@dataclass(frozen=True)
class DepthNetwork:
    """A depth network, apart from the framework that it came from.

    Attributes:
        imported: as it came in.
        graph: float, in the plain form, of one output; its input is the stage's.
        stage: how pixels become the graph's input.
        depth: the source's depth in meters.
        formula: from the output to meters.
        photos: to calibrate with, (height, width, 3) uint8 RGB of the input's size.
    """

    imported: ImportedNetwork
    graph: Graph
    stage: InputStage
    depth: SourceDepth
    formula: Formula
    photos: Sequence[Pixels]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the input, in pixels."""
        (source,) = self.graph.inputs.values()
        return source.shape[1], source.shape[2]

    def import_difference_mm(self, max_depth_m: float) -> float:
        """The largest difference that the import makes to the depth of photos, within the range.

        Raises:
            ConversionError: it is more than `LARGEST_DIFFERENCE` of the range.
        """
        runner = TfliteRunner(self.imported.model)
        mine = SourceDepth(runner, self.depth.output, self.depth.as_input, self.formula)
        differences = [
            np.abs(np.clip(mine(each), 0, max_depth_m) - np.clip(self.depth(each), 0, max_depth_m))
            for each in self.photos[:IMPORT_PHOTOS]
        ]
        largest = 1000 * float(max(difference.max() for difference in differences))
        if not largest <= 1000 * LARGEST_DIFFERENCE * max_depth_m:
            raise ConversionError(
                f"The import of the network changes its depth by up to {largest:.0f} mm, beside "
                f"{self.imported.framework}. Export the network in another format, as ONNX or "
                "TensorFlow Lite, and compare."
            )
        return round(largest, 4)


def open_network(
    source: Source,
    *,
    size: tuple[int, int] | None,
    output_name: str | None,
    formula: Formula,
    pixels: InputOptions,
    read_photos: Callable[[Size], Sequence[Pixels]],
) -> DepthNetwork:
    """Import a network and bring it into the plain form.

    Args:
        source: a file or folder, the bytes of a .tflite, or a Keras model.
        size: (height, width), where the network takes any.
        output_name: of the depth among several outputs; None: the finest.
        formula: from that output to meters.
        pixels: what is done to pixels outside the network.
        read_photos: gives the photos to calibrate with, at (height, width).

    Raises:
        ConversionError: it is no depth network that can be converted; the text says why.
    """
    imported = import_network(source, size=size)
    graph = read_graph(imported.model)
    names = list(graph.outputs)
    output = names.index(choose_output(graph, output_name))
    (original,) = graph.inputs.values()
    source_shape = original.shape
    canonicalize(graph)
    (image,) = graph.inputs.values()
    photos = read_photos((image.shape[1], image.shape[2]))
    stage = take_input(graph, pixels, photos[:IMPORT_PHOTOS], source_shape=source_shape)
    return DepthNetwork(
        imported=imported,
        graph=graph,
        stage=stage,
        depth=SourceDepth(imported.run, output, stage.source_input, formula),
        formula=formula,
        photos=photos,
    )
