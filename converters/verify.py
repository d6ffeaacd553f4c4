"""What a finished file must keep before it is given its name, and what its quantisation costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tfl_depth.contract import Contract
from tfl_depth.converters.representative import read_pixels
from tfl_depth.converters.tflite_graph import read_operators
from tfl_depth.encoding import CODES, Spans
from tfl_depth.errors import ConversionError
from tfl_depth.runtime import DepthRunner
from tfl_depth.runtime.interpreter import open_interpreter

# Of int8, where the outputs' ranges begin.
LOWEST = -128


@dataclass(frozen=True)
class Fidelity:
    """Deviation of the converted model from the same network in FP32, over all pixels.

    Attributes:
        images: that were compared; none of them was used to calibrate.
        median_mm, mean_mm, p95_mm, max_mm: of the absolute difference.
        wrap_share: of pixels that differ by more than half a span, 0 to 1.
    """

    images: int
    median_mm: float
    mean_mm: float
    p95_mm: float
    max_mm: float
    wrap_share: float


def check_tensors(model: bytes, contract: Contract) -> None:
    """Check types, shapes and pinned scales of an int8 file.

    Raises:
        ConversionError: a tensor is float, an output is missing, or a range is not as pinned.
    """
    interpreter = open_interpreter(model, xnnpack=False)
    details = interpreter.get_tensor_details()
    wrong = [d["name"] for d in details if d["dtype"] not in (np.int8, np.int32)]
    if wrong:
        raise ConversionError(f"Expected int8 and int32 tensors only; these are not: {wrong[:5]}.")
    signature = interpreter.get_signature_runner()
    _check_quantization(
        "pixels",
        signature.get_input_details()[contract.input_name],
        *_input_quantization(contract),
    )
    outputs = signature.get_output_details()
    if set(outputs) != set(contract.output_names):
        raise ConversionError(f"Expected outputs {contract.output_names}, got {sorted(outputs)}.")
    for name, scale in output_scales(contract).items():
        _check_quantization(name, outputs[name], scale, LOWEST)


def check_weights(model: bytes) -> None:
    """Check that every kernel of a file has one scale.

    Raises:
        ConversionError: one has several.
    """
    several = [
        operator.name for operator in read_operators(model) if len(operator.weight_scales) > 1
    ]
    if several:
        raise ConversionError(
            f"Expected per-tensor weights; these operators have them per channel: {several[:5]}."
        )


def output_scales(contract: Contract) -> dict[str, float]:
    """Quantisation scale of each output of an int8 file."""
    if contract.head == "single":
        return {"depth": contract.max_depth_m / CODES}
    return {"integer": 1 / contract.spans.codes_per_span, "fractional": 1 / CODES}


def _input_quantization(contract: Contract) -> tuple[float, int]:
    """Scale and zero point of the input: the code of a pixel is 128 less."""
    scale, offset = contract.normalization.scale[0], contract.normalization.offset[0]
    return scale, LOWEST - round(offset / scale)


def _check_quantization(name: str, detail: dict[str, Any], scale: float, zero_point: int) -> None:
    got_scale, got_zero_point = detail["quantization"]
    if not np.isclose(got_scale, scale, rtol=1e-6) or got_zero_point != zero_point:
        raise ConversionError(
            f"Expected {name} of scale {scale} and zero point {zero_point}, got {got_scale} and "
            f"{got_zero_point}."
        )
    if detail["shape"][0] != 1:
        raise ConversionError(f"Expected {name} of batch 1, got shape {tuple(detail['shape'])}.")


def measure_fidelity(
    file: Path, reference: keras.Model, images: Iterable[Path], spans: Spans
) -> Fidelity:
    """Run the finished file and the float network on the same images.

    Args:
        file: the .tflite, with its contract.
        reference: from pixels (1, H, W, 3) of 0 to 255 to metres.
        images: photos that were not used to calibrate.
        spans: of the contract.
    """
    differences, allowed = [], []
    with DepthRunner(file) as runner:
        for path in images:
            pixels = read_pixels(path, runner.model_size)
            depth_m = runner.infer(pixels, size="model", channels="rgb") / 1000.0
            expected_m = reference.predict_on_batch(pixels[None].astype(np.float32))[0, ..., 0]
            expected_m = np.clip(expected_m, spans.edges_m[0], spans.max_depth_m)
            differences.append(1000 * np.abs(depth_m - expected_m))
            allowed.append(500 * _span_width_m(expected_m, spans))
    difference_mm, half_span_mm = np.stack(differences), np.stack(allowed)
    return Fidelity(
        images=len(differences),
        median_mm=_rounded(np.median(difference_mm)),
        mean_mm=_rounded(np.mean(difference_mm)),
        p95_mm=_rounded(np.percentile(difference_mm, 95)),
        max_mm=_rounded(np.max(difference_mm)),
        wrap_share=float(np.mean(difference_mm > half_span_mm)),
    )


def _span_width_m(depth_m: npt.NDArray[np.floating], spans: Spans) -> npt.NDArray[np.floating]:
    n = np.clip(np.searchsorted(spans.edges_m, depth_m, side="right") - 1, 0, spans.count - 1)
    return np.asarray(spans.widths_m)[n]


def _rounded(value_mm: Any) -> float:
    return round(float(value_mm), 2)


def as_report(fidelity: Fidelity) -> dict[str, Any]:
    """The figures as they stand in the contract and in the report."""
    return {"against": "the same network in FP32", **asdict(fidelity)}
