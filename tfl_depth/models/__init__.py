"""Keras 3 depth networks and the split head. The import registers their layers with Keras."""

from tfl_depth.models.depth_net import depth_net
from tfl_depth.models.dual_head import PinnedRange, to_dual_head, to_single_head
from tfl_depth.models.encoders import ENCODERS, Encoder, encoder_named
from tfl_depth.models.load_model import load_model

__all__ = [
    "ENCODERS",
    "Encoder",
    "PinnedRange",
    "depth_net",
    "encoder_named",
    "load_model",
    "to_dual_head",
    "to_single_head",
]
