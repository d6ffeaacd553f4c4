"""The conversion of a network to a verified portable file: all stages in order.

import -> graph -> input -> head -> recipe -> ranges -> write -> verify -> contract
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import tfl_depth
from tfl_depth.choices import expect_choice
from tfl_depth.converters.conversion import Conversion
from tfl_depth.converters.golden_vectors import golden_vectors
from tfl_depth.converters.graph import Graph, write_graph
from tfl_depth.converters.graph.rewrites.input_normalization import InputOptions
from tfl_depth.converters.head import Formula, Unit
from tfl_depth.converters.head.check import check_depth
from tfl_depth.converters.headed import HeadedGraph, HeadOptions, with_head
from tfl_depth.converters.metadata import with_contract, with_metadata
from tfl_depth.converters.network import DepthNetwork, open_network
from tfl_depth.converters.photo_inputs import PhotoInputs
from tfl_depth.converters.ptq.progress import Progress, silent
from tfl_depth.converters.ptq.range_estimation import estimate_ranges
from tfl_depth.converters.ptq.recipe import RANGES
from tfl_depth.converters.ptq.statistics import observe
from tfl_depth.converters.quantize import QuantizationPlan, add_float_ends, quantized
from tfl_depth.converters.representative import ImageSplit, read_calibration, read_pixels
from tfl_depth.converters.trained_camera import InputCamera, contract_camera
from tfl_depth.converters.verify import (
    Fidelity,
    OperatorError,
    check_integer_file,
    compare_operators,
    measure_fidelity,
    refuse_dead,
    worst,
)
from tfl_depth.encoding import Spans
from tfl_depth.errors import ConversionError
from tfl_depth.format.contract import Contract
from tfl_depth.format.contract_parts import (
    Calibration,
    GoldenSpread,
    HeadKind,
    Normalization,
    Precision,
    Source,
    TrainedCamera,
)
from tfl_depth.format.golden import METADATA_NAME as GOLDEN
from tfl_depth.recipes import RECIPES, RecipeName, default_recipe, recipe_named
from tfl_depth.runtime.fit import DEFAULT_FIT, Fit, expect_fit
from tfl_depth.runtime.preprocess import Channels

if TYPE_CHECKING:
    from tfl_depth.converters.importers.base import Source as NetworkSource

DEFAULT_MAX_DEPTH_M = 15.0
INPUT_NAME = "pixels"
# With fewer photos the verification is too optimistic, and the ranges are uncertain.
FEW_PHOTOS = 20
# Photos to check the depth, and to compare int8 operators with float ones.
CHECK_PHOTOS, OPERATOR_PHOTOS = 16, 2
# Shares of verification pixels outside the range that cause a warning and an error.
WARN_OUTSIDE, REFUSE_OUTSIDE = 0.02, 0.2

Pixels = npt.NDArray[np.uint8]


def convert_network(
    network: NetworkSource,
    *,
    images: ImageSplit,
    max_depth_m: float | None = None,
    spans: Spans | None = None,
    span_m: float | None = None,
    precision: Precision = "int8",
    head: HeadKind = "split",
    size: tuple[int, int] | None = None,
    output_name: str | None = None,
    unit: Unit | None = None,
    disparity: tuple[float, float] | None = None,
    reciprocal: float | None = None,
    inverse: bool = False,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    input_range: tuple[float, float] | None = None,
    channels: Channels = "rgb",
    per_channel: bool = True,
    recipe: RecipeName | None = None,
    layers: tuple[str, ...] | None = None,
    golden: bool = True,
    golden_photos: Sequence[Path] = (),
    fit: Fit = DEFAULT_FIT,
    camera: InputCamera | None = None,
    progress: Progress = silent,
) -> Conversion:
    """Convert a depth network of any framework, and verify the result against its source.

    Args:
        network: a .keras, .h5, .onnx, .pt2 or .tflite file, a SavedModel folder, the bytes of a
            .tflite, or a Keras model.
        images: for calibration (not used for float32) and for verification.
        max_depth_m: end of the depth range, in meters; None: 15.
        spans: the split's intervals, which end at the range; None: all spans get the same largest
            step of depth.
        span_m: width of equal spans, instead of `spans`.
        precision: "int8", "int16x8" or "float32".
        head: "split" (outputs `integer` and `fractional`) or "single" (output `depth`).
        size: (height, width) of the input, if the network accepts any size.
        output_name: of the depth output; None: the output of the highest resolution.
        unit: of the network's depth; None: meters, and a check of the photos' depth.
        disparity: (least, greatest) depth, if the output is scaled disparity from 0 to 1.
        reciprocal: depth is this number / output.
        inverse: depth is 1 / output.
        mean: for each color; subtracted outside the network from pixels scaled to 0 to 1.
        std: for each color; the difference is then divided by it.
        input_range: the network's input values for pixels 0 and 255, instead of `mean` and `std`.
        channels: order of the colors in the network's input.
        per_channel: give each output channel of a convolution its own scale. It must be False for
            an NPU that supports one scale a convolution only, which costs accuracy.
        recipe: a name in `RECIPES`: how weights and ranges are chosen. None: the default, or no
            recipe for float32.
        layers: output names of the operators that the recipe changes; None: all.
        golden: put golden vectors into the file: two photos and their depth.
        golden_photos: to choose the two from; empty: the verification photos.
        fit: how photos of another aspect are brought to the input's: "stretch", "crop" or "pad".
            The runtime does the same, by the contract.
        camera: that the network was trained for, in pixels of its input; or a function from the
            input's (height, width) to it. None: unknown.
        progress: shows the progress of slow parts.

    Raises:
        ConversionError: the network, the photos or the result is not valid. The text gives the
            reason.
    """
    expect_choice("precision", precision, Precision, ConversionError)
    expect_choice("head", head, HeadKind, ConversionError)
    formula = Formula(unit or "m", disparity, reciprocal, inverse)
    pixels = InputOptions(mean=mean, std=std, input_range=input_range, channels=channels)
    expect_fit(fit)
    name = _recipe(recipe, precision, per_channel)
    options = HeadOptions(
        kind=head,
        range_m=_range(max_depth_m, spans),
        spans=_spans(max_depth_m, spans, span_m),
        recipe=None if name is None else RECIPES[name],
        integers=precision != "float32",
        per_channel=per_channel,
        layers=layers,
    )

    def read_photos(size: tuple[int, int]) -> list[Pixels]:
        photos = read_calibration(images, size, fit)
        return list(progress(photos, len(images.calibration), "read photos"))

    opened = open_network(
        network,
        size=size,
        output_name=output_name,
        formula=formula,
        pixels=pixels,
        read_photos=read_photos,
    )
    try:
        made = _Conversion(
            opened, images, options, precision, name, unit is None, progress, fit, camera
        )
        return made.finished((golden_photos or images.verification) if golden else ())
    finally:
        opened.imported.close()


def _recipe(name: RecipeName | None, precision: Precision, per_channel: bool) -> RecipeName | None:
    if precision == "float32":
        if name is not None:
            raise ConversionError("float32 has no recipe. Omit the recipe, or convert to int8.")
        return None
    name = name or default_recipe(per_channel=per_channel)
    try:
        recipe_named(name)
    except ValueError as error:
        raise ConversionError(str(error)) from error
    return name


def _range(max_depth_m: float | None, spans: Spans | None) -> tuple[float, float]:
    if spans is not None:
        return spans.edges_m[0], spans.max_depth_m
    far = DEFAULT_MAX_DEPTH_M if max_depth_m is None else max_depth_m
    if not (math.isfinite(far) and far > 0):
        raise ConversionError(f"Expected the depth range to end above 0 m, got {far:g} m.")
    return 0.0, far


def _spans(max_depth_m: float | None, spans: Spans | None, span_m: float | None) -> Spans | None:
    if span_m is None:
        return spans
    if spans is not None:
        raise ConversionError("Expected either the edges of spans or their width, got both.")
    return Spans.uniform(DEFAULT_MAX_DEPTH_M if max_depth_m is None else max_depth_m, span_m)


@dataclass
class _Conversion:
    """The conversion of one network.

    Attributes:
        network: the open network. Its graph is changed.
        images: for calibration and verification.
        options: of the head.
        precision: of the file.
        recipe: its name, or None.
        upright: whether depth that is nearer at the top of photos causes a warning.
        progress: shows the progress of slow parts.
        fit: of the photos.
        camera: that the network was trained for, or None.
    """

    network: DepthNetwork
    images: ImageSplit
    options: HeadOptions
    precision: Precision
    recipe: RecipeName | None
    upright: bool
    progress: Progress
    fit: Fit
    camera: InputCamera | None

    def finished(self, golden_photos: Sequence[Path]) -> Conversion:
        """Run all stages. Without photos the file gets no golden vectors."""
        network = self.network
        difference_mm = network.import_difference_mm(self.options.range_m[1])
        source = Source(network.imported.format, network.imported.framework, difference_mm)
        outputs = [network.depth.output_map(each) for each in network.photos[:CHECK_PHOTOS]]
        warnings = self._check(outputs, None)
        inputs = PhotoInputs(network.photos, network.stage.network_input)
        headed = with_head(network, inputs, self.options, self.progress)
        self._check(outputs, headed.most_m)
        graph, operators = self._written(headed, inputs)
        content = write_graph(graph)
        unverified = self._contract(headed, source, {}, None)
        if self.precision == "int8":
            check_integer_file(content, unverified, per_channel=self.options.per_channel)
        fidelity = self._fidelity(content, unverified)
        warnings += _outside(fidelity, headed.spans) + self._few()
        spread = None
        if golden_photos:
            vectors, spread = golden_vectors(content, unverified, golden_photos)
            content = with_metadata(content, GOLDEN, vectors.to_zip())
        contract = self._contract(headed, source, _measured(fidelity, operators), spread)
        content = with_contract(content, contract)
        return Conversion(content, contract, tuple(dict.fromkeys(warnings)))

    def _check(self, outputs: Sequence[Any], most_m: float | None) -> list[str]:
        """Refuse outputs that are not depth in the range. Return warnings."""
        found = check_depth(
            outputs,
            self.network.formula,
            self.options.range_m,
            most_m=most_m,
            upright=self.upright,
        )
        found.refuse()
        return list(found.warnings)

    def _written(
        self, headed: HeadedGraph, inputs: PhotoInputs
    ) -> tuple[Graph, list[OperatorError]]:
        """Return the file's graph, and the differences of its operators from float ones."""
        graph, stage = headed.graph, self.network.stage
        if self.precision == "float32" or self.options.recipe is None:
            stage.take_pixels(graph)
            return _named(graph), []
        bits = 8 if self.precision == "int8" else 16
        shown = self.progress(inputs, len(inputs), "measure ranges")
        observed = observe(graph, shown, len(inputs))
        plan = QuantizationPlan(
            ranges=estimate_ranges(observed, RANGES[self.options.recipe.ranges]),
            pinned={**headed.pinned, stage.tensor: (stage.low, stage.high)},
            exact=headed.exact,
            bits=bits,
            per_channel=self.options.per_channel,
        )
        made = quantized(graph, plan)
        operators = compare_operators(graph, made, inputs[:OPERATOR_PHOTOS])
        refuse_dead(operators)
        # The head's own tensors are clipped or folded, so their errors are not comparable.
        pinned = {tensor.name for tensor in headed.pinned}
        operators = [each for each in operators if each.name not in pinned]
        if bits == 16:
            add_float_ends(made)
            stage.take_pixels(made)
        return _named(made), worst(operators)

    def _contract(
        self,
        headed: HeadedGraph,
        source: Source,
        verification: dict[str, Any],
        golden: GoldenSpread | None,
    ) -> Contract:
        images, stage, spans = self.images, self.network.stage, headed.spans
        height, width = self.network.size
        calibration = Calibration(len(images.calibration), images.sha256(), images.seed)
        return Contract(
            tool=f"tfl-depth {tfl_depth.__version__}",
            precision=self.precision,
            head=self.options.kind,
            edges_m=spans.edges_m,
            curves_m=spans.curves_m,
            input_name=INPUT_NAME,
            height=height,
            width=width,
            normalization=Normalization(stage.scale, stage.offset),
            calibration=None if self.precision == "float32" else calibration,
            verification=verification,
            source=source,
            golden=golden,
            recipe=self.recipe,
            fit=self.fit,
            camera=self._trained_camera,
        )

    @cached_property
    def _trained_camera(self) -> TrainedCamera | None:
        """The camera, and how depth follows its focal length on the photos to verify with."""
        if self.camera is None:
            return None
        size, paths = self.network.size, self.images.verification
        shown = self.progress(paths, len(paths), "measure zooms")
        photos = [read_pixels(path, size, self.fit) for path in shown]
        return contract_camera(self.camera, size, self.network.depth, photos)

    def _fidelity(self, content: bytes, contract: Contract) -> Fidelity:
        """Measure the file in the same way as users run it."""
        photos = self.images.verification
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.tflite"
            file.write_bytes(with_contract(content, contract))
            shown = self.progress(photos, len(photos), "verify")
            return measure_fidelity(file, self.network.depth, shown, contract.spans)

    def _few(self) -> list[str]:
        count = len(self.images.calibration) + len(self.images.verification)
        if count >= FEW_PHOTOS:
            return []
        return [
            f"There are only {count} photos: the measured difference from FP32 may be too small. "
            f"Use {FEW_PHOTOS} or more, better 100, of the camera that will be used."
        ]


def _named(graph: Graph) -> Graph:
    """Rename the graph's input as in the contract."""
    (tensor,) = graph.inputs.values()
    graph.inputs = {INPUT_NAME: tensor}
    return graph


def _measured(fidelity: Fidelity, operators: Sequence[OperatorError]) -> dict[str, Any]:
    """Return the measurements for the contract and the report."""
    found = [
        {"name": each.name[:100], "kind": each.kind, "error": round(each.error, 4)}
        for each in operators
    ]
    return {"against": "the source network in FP32", **asdict(fidelity), "worst_operators": found}


def _outside(fidelity: Fidelity, spans: Spans) -> list[str]:
    """Return a warning about pixels outside the range.

    Raises:
        ConversionError: there are too many of them.
    """
    near, far = spans.edges_m[0], spans.max_depth_m
    shares = f"{fidelity.below_share:.1%} of the pixels are below {near:g} m and "
    shares += f"{fidelity.above_share:.1%} above {far:g} m"
    if fidelity.outside_share > REFUSE_OUTSIDE:
        raise ConversionError(
            f"In the verification photos, {shares}. Choose another range with --max-depth, or set "
            "the network's unit with --unit."
        )
    if fidelity.outside_share > WARN_OUTSIDE:
        return [f"In the verification photos, {shares}. Their depth is clipped to the range."]
    return []
