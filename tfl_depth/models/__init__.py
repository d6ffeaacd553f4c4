"""Keras 3 depth networks and the split head; importing registers their layers with Keras."""

from tfl_depth.models.depth_net import depth_net
from tfl_depth.models.dual_head import to_dual_head, to_single_head
from tfl_depth.models.encoders import ENCODERS
from tfl_depth.models.load import load_model

__all__ = ["ENCODERS", "depth_net", "load_model", "to_dual_head", "to_single_head"]
