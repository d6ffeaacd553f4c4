"""Quantization of a float graph to int8, int16x8 or float16."""

from tfl_depth.converters.quantize.ends import add_float_ends
from tfl_depth.converters.quantize.half import with_half_weights
from tfl_depth.converters.quantize.integer import QuantizationPlan, quantized
from tfl_depth.converters.quantize.parameters import Range

__all__ = ["QuantizationPlan", "Range", "add_float_ends", "quantized", "with_half_weights"]
