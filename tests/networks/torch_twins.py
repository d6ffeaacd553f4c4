"""Take the weights that `tests.networks.twins` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

_KINDS = {
    nn.Conv2d: "Conv2D",
    nn.ConvTranspose2d: "Conv2DTranspose",
    nn.Linear: "Dense",
    nn.BatchNorm2d: "BatchNormalization",
    nn.LayerNorm: "LayerNormalization",
}


def load_twin(network: nn.Module, file: Path) -> None:
    """Set all weights, layer by layer of each kind.

    Raises:
        KeyError: the twin has fewer layers.
    """
    counts: dict[str, int] = {}
    with np.load(file) as values, torch.no_grad():
        for module in network.modules():
            kind = _kind(module)
            if kind is None:
                continue
            number = counts.get(kind, 0)
            counts[kind] = number + 1
            for place, name in enumerate(_names(module)):
                value = torch.from_numpy(values[f"{kind}.{number}.{place}"])
                getattr(module, name).copy_(value)


def _kind(module: Any) -> str | None:
    if isinstance(module, nn.Conv2d) and module.groups > 1:
        return "DepthwiseConv2D"
    return next((name for kind, name in _KINDS.items() if isinstance(module, kind)), None)


def _names(module: Any) -> tuple[str, ...]:
    if isinstance(module, nn.BatchNorm2d):
        return ("weight", "bias", "running_mean", "running_var")
    return ("weight",) if module.bias is None else ("weight", "bias")
