"""Runs a model's bare tensors, below `DepthRunner`, on every interpreter that is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl_depth.encoding import DepthMm
from tfl_depth.format.contract import Contract
from tfl_depth.runtime.engines.interpreter import PACKAGES, open_interpreter
from tfl_depth.runtime.output_layout import output_layout
from tfl_depth.runtime.postprocess import depth_decoder
from tfl_depth.runtime.preprocess import write_input

INSTALLED = [name for name in PACKAGES if importlib.util.find_spec(name.partition(".")[0])]


def output_tensors(
    model: bytes, rgb: npt.NDArray[np.uint8], *, package: str, **kernels: bool
) -> dict[str, npt.NDArray[Any]]:
    """The outputs (1, H, W, 1) of a model for an image of its size, by name."""
    interpreter = open_interpreter(model, package=package, **kernels)
    inputs, outputs = _details(interpreter)
    (source,) = inputs.values()
    pixels = np.empty(source["shape"], source["dtype"])
    write_input(rgb, "rgb", pixels[0])
    interpreter.set_tensor(source["index"], pixels)
    interpreter.invoke()
    return {name: interpreter.get_tensor(detail["index"]) for name, detail in outputs.items()}


def stored(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int8]:
    """Codes (H, W) of 0 to 255 as an int8 output tensor (1, H, W, 1) holds them: 128 less."""
    return (codes.astype(np.int16) - 128).astype(np.int8)[None, ..., None]


def codes_of(tensor: npt.NDArray[np.int8]) -> npt.NDArray[np.uint8]:
    """What `stored` undoes."""
    return (tensor[0, ..., 0].astype(np.int16) + 128).astype(np.uint8)


def postprocessed(
    outputs: Mapping[str, npt.NDArray[Any]],
    contract: Contract,
    scales: Mapping[str, tuple[float, int]] | None = None,
) -> DepthMm:
    """Millimeters (H, W) of output tensors (1, H, W, 1), at their own size."""
    _, height, width, _ = next(iter(outputs.values())).shape
    decoder = depth_decoder(contract, scales or {}, (height, width))
    depth_mm = np.empty((height, width), decoder.dtype)
    layout = output_layout(contract, (height, width))
    codes = layout.new_codes()
    layout.collect(outputs, codes)
    decoder.decode(codes, depth_mm)
    return depth_mm


def scales(model: bytes, *, package: str) -> dict[str, tuple[float, int]]:
    """Quantization (scale, zero point) of each output, by name."""
    _inputs, outputs = _details(open_interpreter(model, package=package))
    return {name: detail["quantization"] for name, detail in outputs.items()}


def _details(interpreter: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    # The signature runner, while it lives, keeps the interpreter from being invoked.
    signature = interpreter.get_signature_runner()
    return signature.get_input_details(), signature.get_output_details()
