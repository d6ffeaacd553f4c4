"""Feature maps of 16 bits where they pay, of 8 everywhere else, by AI Edge Quantizer."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from ai_edge_quantizer import qtyping
from ai_edge_quantizer.calibrator import Calibrator
from ai_edge_quantizer.quantizer import Quantizer
from ai_edge_quantizer.recipe_manager import RecipeManager
from ai_edge_quantizer.utils.qsv_utils import min_max_update

from tfl_depth.converters.prepare import INPUT_NAME
from tfl_depth.converters.keras_quantize import to_tflite
from tfl_depth.converters.representative import read_pixels
from tfl_depth.converters.steps import prepare
from tfl_depth.converters.targets.vela import Compiled, compile_model
from tfl_depth.quiet import quiet
from tfl_depth.recipes import RECIPES
from tfl_depth.runtime.interpreter import open_interpreter
from tfl_depth.strategy.rows import Row
from tfl_depth.strategy.subject import Grid, Pixels, Subject
from tfl_depth.targets import PROFILES

# What wider feature maps may add to the time that Vela estimates on this NPU.
LIMIT = 0.2
TARGET = "ethos-u65-512"
SIGNATURE = "serving_default"
# What the converter calls the operator that gives the depth.
OUTPUT = "StatefulPartitionedCall"


def mixed_file(subject: Subject, row: Row, maps: dict[str, Any]) -> tuple[bytes, list[str]]:
    """Quantise the checkpoint after a recipe, the feature maps that pay most in int16.

    Args:
        subject: the checkpoint and its data.
        row: says recipe, images and weights.
        maps: of `attribution`: `all`, `alone` and `all_but` by layer.

    Returns:
        A .tflite file with one output, metres in int16, and the layers whose maps are wide.
    """
    images = subject.images(row.images, row.selection)
    ready = prepare(
        subject.network,
        RECIPES[row.recipe],
        images,
        per_channel=row.per_channel,
        progress=subject.progress,
    )
    pixels = keras.Input(batch_shape=(1, *subject.size, 3), name=INPUT_NAME)
    model = keras.Model(pixels, {"depth": ready.body(pixels)})
    floating = to_tflite(model, precision="float32", representative=lambda: iter(()))

    inputs = [
        {INPUT_NAME: subject.network.as_input(read_pixels(path, subject.size), "int8")}
        for path in images.calibration
    ]
    seen = _calibrated(floating, inputs, row)
    # The whole range, as every other row has it.
    for name in seen:
        if name.startswith(OUTPUT):
            seen[name]["max"] = np.full_like(seen[name]["max"], subject.max_depth_m)
    made = {0: _quantised(floating, seen, row, [])}
    ranked = _ranked(made[0], maps)
    least = _cycles(made[0])

    def fits(count: int) -> bool:
        made[count] = _quantised(floating, seen, row, ranked[:count])
        return _cycles(made[count]) <= (1 + LIMIT) * least

    # Each more costs more: halve what is open.
    count, beyond = 0, len(ranked) + 1
    while beyond - count > 1:
        middle = (count + beyond) // 2
        count, beyond = (middle, beyond) if fits(middle) else (count, middle)
    return made[count], ranked[:count]


def say_mixed(model: bytes, subject: Subject, photos: list[Pixels]) -> Iterator[Grid]:
    """Depth of such a file."""
    runner = open_interpreter(model).get_signature_runner()
    takes = runner.get_input_details()[INPUT_NAME]["quantization"]
    step, zero = runner.get_output_details()["depth"]["quantization"]
    for pixels in photos:
        values = subject.network.as_input(pixels, "int8")
        codes = np.clip(np.rint(values / takes[0]) + takes[1], -128, 127).astype(np.int8)
        said = runner(**{INPUT_NAME: codes})["depth"][0, ..., 0]
        yield np.asarray((said.astype(np.float32) - zero) * step, np.float32)


def _recipe(row: Row, wide: list[str]) -> RecipeManager:
    """What AI Edge Quantizer shall do; the later of two patterns that fit counts."""
    made = RecipeManager()
    granularity = (
        qtyping.QuantGranularity.CHANNELWISE
        if row.per_channel
        else qtyping.QuantGranularity.TENSORWISE
    )
    everything = qtyping.TFLOperationName.ALL_SUPPORTED
    made.add_static_config(".*", everything, 8, 8, granularity)
    for scope in [*map(_scope, wide), rf"^{OUTPUT}.*"]:
        made.add_static_config(scope, everything, 16, 8, granularity)
    return made


def _scope(layer: str) -> str:
    """A pattern of the names of a layer's operators; Keras may have numbered the layer."""
    return rf".*/{re.escape(layer)}(_\d+)?/.*"


def _calibrated(floating: bytes, inputs: list[dict[str, Any]], row: Row) -> Any:
    """The least and the greatest value of each tensor over all images."""
    with quiet(), warnings.catch_warnings():
        # It keeps all tensors to look at them, which its interpreter warns of.
        warnings.filterwarnings("ignore", ".*experimental_preserve_all_tensors")
        # Its own way is a moving average, which cuts off what few images show.
        looking = Calibrator(floating, num_threads=1, qsv_update_func=min_max_update)
        looking.calibrate({SIGNATURE: inputs}, _recipe(row, []))
    return looking.get_model_qsvs()


def _quantised(floating: bytes, seen: Any, row: Row, wide: list[str]) -> bytes:
    recipe = _recipe(row, wide).get_quantization_recipe()
    with quiet(), warnings.catch_warnings():
        # Of kernels whose largest weight is next to nothing.
        warnings.filterwarnings("ignore", "invalid value encountered in cast")
        made = Quantizer(bytearray(floating), recipe).quantize(
            seen, enable_progress_bar=False, enable_progress_report=False
        )
    return bytes(made.quantized_model)


def _ranked(model: bytes, maps: dict[str, Any]) -> list[str]:
    """The layers whose wide maps bring something, those first that bring most for their time."""
    operators = _compiled(model).operators
    cycles = {
        layer: sum(
            operator.cycles or 0 for operator in operators if re.match(_scope(layer), operator.name)
        )
        for layer in maps["all_but"]
    }
    gains = {layer: maps["all"] - left for layer, left in maps["all_but"].items()}
    paying = [layer for layer in gains if gains[layer] > 0 and cycles[layer]]
    return sorted(paying, key=lambda layer: -gains[layer] / cycles[layer])


def _cycles(model: bytes) -> int:
    return _compiled(model).estimate.cycles


def _compiled(model: bytes) -> Compiled:
    profile = PROFILES[TARGET]
    assert profile.vela is not None  # noqa: S101 - for mypy: it is an Ethos-U
    return compile_model(model, profile.vela)
