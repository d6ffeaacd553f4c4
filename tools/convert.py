"""`tfl-depth convert`: a trained network of any framework to full-integer TensorFlow Lite."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfl_depth.errors import ContractError, ConversionError, InterpreterError
from tfl_depth.recipes import (
    DEFAULT,
    DEFAULT_PER_TENSOR,
    RECIPES,
    default_recipe,
    recipe_named,
)
from tfl_depth.runtime.fit import DEFAULT_FIT
from tfl_depth.targets import PER_CHANNEL, Target
from tfl_depth.tools.lib import (
    camera_options,
    command_progress,
    command_result,
    command_run,
    network_options,
    option_values,
    target_options,
)
from tfl_depth.tools.lib.command_parser import CommandParser, make_parser
from tfl_depth.tools.lib.inspect_text import trained_camera_text

if TYPE_CHECKING:
    from tfl_depth.converters import Conversion
    from tfl_depth.format.contract import Contract

EXAMPLE = (
    "tfl-depth convert network.onnx --int8 --representative photos/ --max-depth 10 "
    "--target ethos-u65-256 --output model.tflite"
)

# Those of `convert` that this module adds itself.
OPTIONS = (
    *("target", "strict_placement", "precision", "recipe", "samples", "seed", "head"),
    *("max_depth_m", "span_m", "spans", "intrinsics", "fov", "fit", "golden", "golden_photos"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    return command_run.run(lambda: _convert(options))


def _parser() -> CommandParser:
    parser = make_parser(
        "tfl-depth convert",
        "Convert a trained depth network to TensorFlow Lite, verify the result against the source\n"
        "network, and write it with its contract, and a report (.json) next to it. For a target\n"
        "with an NPU, also write where its operators run (NAME_placement.json); for an Ethos-U\n"
        "also a picture of it (.png), and for an Ethos-U or a Hexagon the compiled model\n"
        "(NAME_vela.tflite, NAME_qnn.tflite).",
        EXAMPLE,
    )
    parser.add_argument(
        "network",
        type=Path,
        metavar="NETWORK",
        help=network_options.NETWORK_HELP,
    )
    _add_precision(parser)
    parser.add_argument(
        "--representative",
        required=True,
        metavar="PATH",
        help="photos like those of the camera: a folder, a glob, or a list file of images. Some "
        "are for calibration, others for verification",
    )
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="the .tflite")
    _add_quantization(parser)
    _add_head(parser)
    network_options.add_network_options(parser)
    network_options.add_camera_of_training(parser)
    camera_options.add_fit(parser, DEFAULT_FIT)
    target_options.add_options(parser, default="cpu")
    _add_golden(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    command_result.add_json(parser)
    _list_recipes(parser)
    return parser


def _add_precision(parser: argparse.ArgumentParser) -> None:
    """Add --int8, --int16x8 and --float32."""
    precision = parser.add_mutually_exclusive_group()
    for name, text in (
        ("int8", "all tensors are int8 or int32, inputs and outputs too (default)"),
        ("int16x8", "int16 activations, int8 weights: the upper bound for 8-bit weights"),
        ("float32", "no quantization: the reference"),
    ):
        precision.add_argument(
            f"--{name}",
            dest="precision",
            action="store_const",
            const=name,
            default="int8",
            help=text,
        )


def _add_quantization(parser: argparse.ArgumentParser) -> None:
    """Add the options for the calibration and the recipe."""
    parser.add_argument(
        "--samples", type=int, default=100, metavar="N", help="images for calibration (100)"
    )
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        help=f"how weights and ranges are chosen, see below ({DEFAULT}; "
        f"{DEFAULT_PER_TENSOR} for a target of per-tensor weights)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the choice of images (0)"
    )


def _add_head(parser: argparse.ArgumentParser) -> None:
    """Add the options for the outputs and the range of depth."""
    parser.add_argument(
        "--head",
        choices=("split", "single"),
        default="split",
        help="two tensors, integer and fractional (split, default), or one (single)",
    )
    parser.add_argument(
        "--max-depth",
        dest="max_depth_m",
        type=float,
        metavar="METERS",
        help="range of the depth (15)",
    )
    parser.add_argument(
        "--span",
        dest="span_m",
        type=float,
        metavar="METERS",
        help="width of a span (up to 15 spans with the same step of depth)",
    )
    parser.add_argument(
        "--spans",
        type=option_values.numbers,
        metavar="EDGES",
        help="edges of growing spans, in meters: 0,1,2,4,8,16,32,80 is fine near and coarse far",
    )


def _add_golden(parser: argparse.ArgumentParser) -> None:
    """Add the options for the golden vectors."""
    parser.add_argument(
        "--no-golden",
        dest="golden",
        action="store_false",
        help="omit the golden vectors, two photos with their depth, with which `tfl-depth prove` "
        "and the board check the depth",
    )
    parser.add_argument(
        "--golden-photos",
        metavar="PATH",
        help="take the two from these photos, if those of --representative must stay private",
    )


def _list_recipes(parser: argparse.ArgumentParser) -> None:
    width = max(map(len, RECIPES))
    indent = "\n" + " " * (width + 4)
    titles = {name: recipe.title.replace("\n", indent) for name, recipe in RECIPES.items()}
    rows = "\n".join(f"  {name:<{width}}  {title}" for name, title in titles.items())
    parser.epilog = f"{parser.epilog}\n\nrecipes:\n{rows}"


def _convert(options: argparse.Namespace) -> None:
    target = target_options.chosen(options)
    arguments = convert_arguments(options)
    if not options.network.exists():
        raise ConversionError(f"There is no network {options.network}.")
    from tfl_depth.converters import convert
    from tfl_depth.converters.conversion_files import refuse_existing, target_files
    from tfl_depth.converters.deployment.htp_spans import boundary_cost

    beside = target_files(options.output, target)
    refuse_existing(options.output, overwrite=options.overwrite, beside=beside)
    conversion = convert(
        options.network,
        options.representative,
        **arguments,
        progress=command_progress.Steps(_step_names(options, target)),
    )
    files = conversion.save(options.output, overwrite=options.overwrite)
    shown = [table(conversion, options.output)]
    totals = compiler = None
    if conversion.placed is not None:
        placement = conversion.placed.placement
        shown += ["", target_options.summary(placement)]
        totals = placement.as_report()["totals"]
    if target.htp_soc is not None:
        shown += ["", _on_htp(conversion)]
        cost = boundary_cost(conversion.contract, target.htp_soc)
        shown += [] if cost is None else [f"spans on {target.htp_soc}:           {cost}"]
    if target.command is not None:
        stem = str(options.output.with_suffix(""))
        compiler = shlex.join(word.format(stem=stem) for word in target.command)
        shown += ["", f"to be compiled with:       {compiler}"]
    result = {
        "model": str(options.output),
        "target": options.target,
        **conversion.report,
        "placement": totals,
        "files": [*map(str, files)],
        "to_be_compiled_with": compiler,
    }
    command_result.tell(options, result, "\n".join(shown))


def convert_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options as keyword arguments of `convert`."""
    return {
        **network_options.network_arguments(options),
        **target_options.settings(options),
        **{name: getattr(options, name) for name in OPTIONS},
    }


def _step_names(options: argparse.Namespace, target: Target) -> list[str]:
    """The parts of a conversion that show their progress."""
    from tfl_depth.converters.trained_camera import camera_beside

    names = ["read photos"]
    if options.precision != "float32":
        per_channel = target.weights == PER_CHANNEL
        try:
            recipe = recipe_named(options.recipe or default_recipe(per_channel=per_channel))
        except ValueError as error:
            raise ConversionError(str(error)) from error
        names += ["round weights"] * ("reconstruct" in recipe.steps) + ["measure ranges"]
    given = options.fov is not None or options.intrinsics is not None
    if given or camera_beside(options.network) is not None:
        names += ["measure zooms"]
    return [*names, "verify"]


def _on_htp(conversion: Conversion) -> str:
    """A line about the error of a Hexagon's arithmetic on the golden photos."""
    from tfl_depth.proof import prove_by

    try:
        proof = prove_by("qnn-htp", conversion.model)
    except (InterpreterError, ContractError) as error:
        return f"in the HTP's arithmetic:   not computed: {error}"
    return (
        f"in the HTP's arithmetic:   {proof.verdict}; {proof.median_mm:.0f} mm in the median, "
        f"{proof.p95_mm:.0f} at 95 %, {proof.max_mm:.0f} at worst from the reference kernels"
    )


def table(conversion: Conversion, output: Path) -> str:
    """Return the result of a conversion as a short table."""
    contract, measured = conversion.contract, conversion.contract.verification
    steps = contract.spans.steps_mm
    step = (
        f"{steps[0]:.2f}"
        if max(steps) - min(steps) < 0.01
        else f"{min(steps):.2f} - {max(steps):.2f}"
    )
    calibration = contract.calibration
    rows = {
        "model": f"{output} ({len(conversion.model) / 1e6:.2f} MB, {contract.precision})",
        "source": _source(contract),
        "input": f"{contract.height}x{contract.width} RGB",
        "fit": contract.fit,
        "trained camera": trained_camera_text(conversion.report["input"]),
        "recipe": contract.recipe or "-",
        "outputs": ", ".join(contract.output_names),
        "range": f"{contract.edges_m[0]:g} - {contract.max_depth_m:g} m",
        "spans": f"{contract.spans.count}" if contract.head == "split" else "-",
        "step": f"{step} mm" if contract.precision == "int8" else "-",
        "calibrated on": f"{calibration.images} images" if calibration else "-",
        "compared with FP32 on": f"{measured['images']} other images, before clipping",
        "  median, mean difference": f"{measured['median_mm']:.1f}, {measured['mean_mm']:.1f} mm",
        "  95 %, largest": f"{measured['p95_mm']:.1f}, {measured['max_mm']:.1f} mm",
        "  over half a span": f"{measured['wrap_share']:.3%} of pixels",
        "  FP32 outside the range": f"{_outside(measured):.2%} of pixels",
        "  FP32 depth 5 - 95 %": f"{measured['depth_p5_m']:.2f} - {measured['depth_p95_m']:.2f} m",
        "golden vectors": f"{contract.golden.images} photos" if contract.golden else "none",
    }
    return "\n".join(f"{name:<26} {value}" for name, value in rows.items())


def _source(contract: Contract) -> str:
    source = contract.source
    if source is None:
        return "-"
    return (
        f"{source.format} ({source.framework}); the import changed depth by at most "
        f"{source.import_difference_mm:.2g} mm"
    )


def _outside(measured: Mapping[str, Any]) -> float:
    return float(measured["below_share"] + measured["above_share"])
