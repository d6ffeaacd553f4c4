"""An imported network: its float graph in the plain form, and its source for comparison."""

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
from tfl_depth.converters.importers.base import Size
from tfl_depth.converters.importers.tflite import TfliteRunner
from tfl_depth.converters.verify.reference import SourceDepth
from tfl_depth.errors import ConversionError

if TYPE_CHECKING:
    from tfl_depth.converters.importers.base import ImportedNetwork, Source

# Largest difference of depth that an import may cause, as a share of the range.
LARGEST_DIFFERENCE = 0.02
# Number of photos to measure it.
IMPORT_PHOTOS = 8

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class DepthNetwork:
    """A depth network that does not depend on its framework.

    Attributes:
        imported: the result of the import.
        graph: float, in the plain form, with one output. Its input is that of `stage`.
        stage: from pixels to the graph's input.
        depth: the source's depth in meters.
        formula: from the output to meters.
        photos: for calibration, (height, width, 3) uint8 RGB of the input's size.
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
        """Measure the largest difference of depth that the import causes, within the range.

        Raises:
            ConversionError: it is above `LARGEST_DIFFERENCE` of the range.
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
                f"The import of the network changes its depth by up to {largest:.0f} mm, compared "
                f"with {self.imported.framework}. Export the network in another format, such as "
                "ONNX or TensorFlow Lite."
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
    """Import a network and rewrite it to the plain form.

    Args:
        source: a file or folder, the bytes of a .tflite, or a Keras model.
        size: (height, width), if the network accepts any size.
        output_name: of the depth output; None: the output of the highest resolution.
        formula: from that output to meters.
        pixels: preprocessing of pixels outside the network.
        read_photos: reads the calibration photos at (height, width).

    Raises:
        ConversionError: the network cannot be converted. The text gives the reason.
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
