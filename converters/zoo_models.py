"""The ready files of the zoo's networks: the float .tflite, and models for targets."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from tfl_depth.converters.conversion import Conversion
from tfl_depth.converters.conversion_files import refuse_existing, target_files
from tfl_depth.converters.converting import convert, for_target
from tfl_depth.converters.graph import read_graph, write_graph
from tfl_depth.converters.importers import import_network
from tfl_depth.converters.ptq.progress import Progress
from tfl_depth.converters.quantize.half import with_half_weights
from tfl_depth.example_photos import write_example_photos
from tfl_depth.files import write_whole
from tfl_depth.format.contract import read_contract
from tfl_depth.quiet import quiet
from tfl_depth.targets import PER_CHANNEL, TARGETS
from tfl_depth.zoo_folder import CHECKPOINT, FLOAT, INT8, ZooEntry

# End of the range of the zoo's networks, in meters.
MAX_DEPTH_M = 10


def make_model(
    entry: ZooEntry,
    target: str,
    *,
    representative: str | None = None,
    golden_photos: str | None = None,
    overwrite: bool = False,
    progress: bool | Progress | None = None,
) -> tuple[Conversion, tuple[Path, ...]]:
    """Write the model of a target into the folder of a network.

    The INT8 file that the folder has is compiled for the target, if its weights have the form that
    the target takes. Otherwise the float .tflite is converted; it is made from the checkpoint if
    the folder has none, which needs Keras.

    Args:
        entry: the network.
        target: name of the target. "cpu" makes the INT8 file itself.
        representative: photos to calibrate and verify with; None: those of the package
            scikit-image.
        golden_photos: photos for the golden vectors; None: those to verify with.
        overwrite: replace existing files.
        progress: as for `convert`.

    Returns:
        The model, and the paths of its files.

    Raises:
        ConversionError: a file exists, there are no photos, or the conversion fails.
    """
    output = entry.folder / (INT8 if target == "cpu" else f"{target}.tflite")
    settings = TARGETS[target]
    refuse_existing(output, overwrite=overwrite, beside=target_files(output, settings))
    portable = entry.folder / INT8
    if target != "cpu" and settings.weights == PER_CHANNEL and portable.is_file():
        content = portable.read_bytes()
        made = for_target(Conversion(content, read_contract(content)), target, settings)
        return made, made.save(output, overwrite=overwrite)
    with tempfile.TemporaryDirectory() as folder:
        photos: str | Sequence[Path]
        photos = write_example_photos(Path(folder)) if representative is None else representative
        made = convert(
            float_model(entry),
            photos,
            target=target,
            max_depth_m=MAX_DEPTH_M,
            golden_photos=golden_photos,
            progress=progress,
        )
    return made, made.save(output, overwrite=overwrite)


def float_model(entry: ZooEntry) -> Path:
    """The float .tflite of a network, with weights in float16; made if it is missing.

    Raises:
        ConversionError: the checkpoint cannot be converted.
    """
    file = entry.folder / FLOAT
    if not file.is_file():
        with quiet():
            imported = import_network(entry.folder / CHECKPOINT)
            write_whole(file, write_graph(with_half_weights(read_graph(imported.model))))
    return file
