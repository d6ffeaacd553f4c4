"""`convert`: a network and photos in, a verified model for a target out."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfl_depth.converters.conversion import Conversion
from tfl_depth.converters.deployment import compile_for_target, refuse_unplaced
from tfl_depth.converters.head import Unit
from tfl_depth.converters.pipeline import convert_network
from tfl_depth.converters.ptq.progress import Progress, silent
from tfl_depth.converters.representative import ImageSplit, find_images, split_images
from tfl_depth.converters.trained_camera import input_camera
from tfl_depth.encoding import Spans
from tfl_depth.errors import ConversionError, ConversionWarning
from tfl_depth.format.contract_parts import HeadKind, Precision
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.progress_bars import progress_bars
from tfl_depth.quiet import quiet
from tfl_depth.recipes import RecipeName
from tfl_depth.runtime.fit import DEFAULT_FIT, Fit
from tfl_depth.runtime.preprocess import Channels
from tfl_depth.target_settings import chosen_target
from tfl_depth.targets import PER_CHANNEL, Target

if TYPE_CHECKING:
    from tfl_depth.converters.importers.base import Source

Photos = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | ImageSplit


def convert(
    network: Source,
    representative: Photos,
    *,
    target: str = "cpu",
    max_depth_m: float | None = None,
    span_m: float | None = None,
    spans: Sequence[float] | Spans | None = None,
    precision: Precision = "int8",
    recipe: RecipeName | None = None,
    samples: int = 100,
    seed: int = 0,
    head: HeadKind = "split",
    size: tuple[int, int] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    input_range: tuple[float, float] | None = None,
    channels: Channels = "rgb",
    output_name: str | None = None,
    unit: Unit | None = None,
    disparity: tuple[float, float] | None = None,
    reciprocal: float | None = None,
    inverse: bool = False,
    intrinsics: Intrinsics | tuple[Intrinsics, tuple[int, int] | None] | None = None,
    fov: float | None = None,
    fit: Fit = DEFAULT_FIT,
    strict_placement: bool = False,
    vela_config: str | None = None,
    system_config: str | None = None,
    memory_mode: str | None = None,
    neutron: tuple[str, str] | None = None,
    neutron_python: str | None = None,
    rknn_python: str | None = None,
    golden: bool = True,
    golden_photos: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    progress: bool | Progress | None = None,
) -> Conversion:
    """Convert a depth network of any framework, verify it against its source, and compile it.

    The command `tfl-depth convert` has the same options.

    Args:
        network: a .keras, .h5, .onnx, .pt2 or float .tflite file, a SavedModel folder, the bytes of
            a .tflite, or a Keras model.
        representative: photos like those of the camera: a folder, a glob, a list file, or paths.
            Some are for calibration, others for verification. An `ImageSplit` says which.
        target: where the model will run: a name in `tfl_depth.targets.TARGETS`.
        max_depth_m: end of the depth range, in meters; None: 15.
        span_m: width of a span in meters; None: up to 15 spans with the same step of depth.
        spans: edges of growing spans in meters, instead of `max_depth_m` and `span_m`.
        precision: "int8", "int16x8" or "float32".
        recipe: how weights and ranges are chosen: a name in `tfl_depth.recipes.RECIPES`; None: the
            target's default.
        samples: number of photos for calibration.
        seed: of the choice of photos.
        head: "split" (outputs `integer` and `fractional`) or "single" (output `depth`).
        size: (height, width) of the input, if the network accepts any size.
        mean: for each color; subtracted outside the network from pixels scaled to 0 to 1.
        std: for each color; the difference is then divided by it.
        input_range: the network's input values for pixels 0 and 255, instead of `mean` and `std`.
        channels: order of the colors in the network's input.
        output_name: of the depth output; None: the output of the highest resolution.
        unit: of the network's depth: "m", "cm" or "mm"; None: meters, and a check of the depth.
        disparity: (least, greatest) depth, if the output is scaled disparity from 0 to 1.
        reciprocal: depth is this number / output.
        inverse: depth is 1 / output.
        intrinsics: of the camera that the network was trained for, in pixels of its input; or with
            the (height, width) of the training pictures beside them. None: as metrics.json beside
            the network says, else unknown.
        fov: the horizontal field of view of the network's input in degrees, instead.
        fit: how photos of another aspect are brought to the input's: "stretch", "crop" or "pad".
        strict_placement: refuse a model if an operator is not known to run on the target's NPU.
        vela_config: Ethos-U: a configuration file (.ini) of Arm's compiler Vela.
        system_config: Ethos-U: its section with the clock and the memories.
        memory_mode: Ethos-U: its section with the use of the memories.
        neutron: imx95: (name, version) of NXP's pip package, which you have installed.
        neutron_python: imx95: the Python of the environment that has it; None: this one.
        rknn_python: rk3588, rk3576, rk3568: the Python of the environment that has rknn-toolkit2;
            None: it is not called.
        golden: put golden vectors into the file: two photos and their depth.
        golden_photos: photos for the golden vectors, as for `representative`; None: those for
            verification. Give others if yours must not leave your machine.
        progress: whether bars show the progress; None: in a terminal and in a notebook.

    Returns:
        The model. `print` shows its verdict, differences, size and placement; `save` writes it.

    Raises:
        ConversionError: the network, the photos, an option or the result is not valid. The text
            gives the reason.

    Warns:
        ConversionWarning: the result needs a look, for example because there are few photos.
    """
    settings = chosen_target(
        target,
        vela_config=vela_config,
        system_config=system_config,
        memory_mode=memory_mode,
        neutron=neutron,
        neutron_python=neutron_python,
        rknn_python=rknn_python,
    )
    _check_target(target, settings, precision, strict_placement=strict_placement)
    depth_range = _depth_range(max_depth_m, span_m, spans)
    file = Path(network) if isinstance(network, str | os.PathLike) else None
    if file is not None and not file.exists():
        raise ConversionError(f"There is no network {file}.")
    shown = progress if callable(progress) else progress_bars(progress) or silent
    with quiet():
        made = convert_network(
            network,
            images=_split(representative, samples, seed),
            **depth_range,
            precision=precision,
            head=head,
            size=size,
            output_name=output_name,
            unit=unit,
            disparity=disparity,
            reciprocal=reciprocal,
            inverse=inverse,
            mean=mean,
            std=std,
            input_range=input_range,
            channels=channels,
            per_channel=settings.weights == PER_CHANNEL,
            recipe=recipe,
            golden=golden,
            golden_photos=[] if golden_photos is None else photo_paths(golden_photos),
            fit=fit,
            camera=input_camera(file, fit, intrinsics=intrinsics, fov=fov),
            progress=shown,
        )
    for warning in made.warnings:
        warnings.warn(warning, ConversionWarning, stacklevel=2)
    made = for_target(made, target, settings)
    if strict_placement and made.placed is not None:
        refuse_unplaced(made.placed.placement)
    return made


def for_target(conversion: Conversion, name: str, settings: Target) -> Conversion:
    """Compile a portable model for a target, and find where its operators run.

    Raises:
        ConversionError: the compiler fails.
    """
    placed = None
    if settings.has_npu:
        placed = compile_for_target(conversion.model, name, settings)
    return replace(conversion, target=name, target_settings=settings, placed=placed)


def photo_paths(photos: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Return the photos of a folder, a glob or a list file, or the given paths.

    Raises:
        ConversionError: there is no photo.
    """
    if isinstance(photos, str | os.PathLike):
        return find_images(os.fspath(photos))
    return [Path(each) for each in photos]


def _split(photos: Photos, samples: int, seed: int) -> ImageSplit:
    if isinstance(photos, ImageSplit):
        return photos
    return split_images(photo_paths(photos), samples=samples, seed=seed)


def _check_target(
    name: str, target: Target, precision: Precision, *, strict_placement: bool
) -> None:
    if precision not in target.precisions:
        raise ConversionError(
            f"{name} takes {' or '.join(target.precisions)}, not {precision}: "
            f"pass --{target.precisions[0]}, or --target cpu."
        )
    if strict_placement and not target.has_npu:
        raise ConversionError("--strict-placement needs a --target with an NPU.")


def _depth_range(
    max_depth_m: float | None, span_m: float | None, spans: Sequence[float] | Spans | None
) -> dict[str, Any]:
    if spans is None:
        return {"max_depth_m": max_depth_m, "span_m": span_m}
    try:
        edges = spans if isinstance(spans, Spans) else Spans(tuple(map(float, spans)))
    except ValueError as error:
        raise ConversionError(str(error)) from error
    if span_m is not None or max_depth_m not in (None, edges.max_depth_m):
        raise ConversionError("--spans sets the edges of all spans. Omit --span and --max-depth.")
    return {"spans": edges}
