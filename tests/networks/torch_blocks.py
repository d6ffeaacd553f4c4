"""Blocks that the PyTorch networks share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

Tensor = Any
Activation = Callable[[], nn.Module] | None


def conv_norm(
    inputs: int,
    outputs: int,
    kernel: int = 3,
    stride: int = 1,
    activation: Activation = nn.ReLU,
    *,
    groups: int = 1,
) -> nn.Sequential:
    """A convolution, batch normalization and an activation."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, *([] if activation is None else [activation()]))


def bilinear(x: Tensor, times: int = 2, *, corners: bool = False) -> Tensor:
    """Enlarge bilinearly."""
    return F.interpolate(x, scale_factor=times, mode="bilinear", align_corners=corners)


class BasicBlock(nn.Module):  # type: ignore[misc]
    """Two convolutions and a shortcut (K. He et al., CVPR 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = conv_norm(inputs, outputs, 3, stride)
        self.second = conv_norm(outputs, outputs, 3, 1, None)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else conv_norm(inputs, outputs, 1, stride, None)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.second(self.first(x)) + self.shortcut(x))


class ResNet18(nn.Module):  # type: ignore[misc]
    """Gives its features at strides 2 to 32."""

    def __init__(self, filters: Sequence[int]) -> None:
        super().__init__()
        self.stem = conv_norm(3, filters[0], 7, 2)
        self.stages = nn.ModuleList(
            nn.Sequential(
                BasicBlock(inputs, outputs, 2 if place else 1), BasicBlock(outputs, outputs, 1)
            )
            for place, (inputs, outputs) in enumerate(pairwise(filters))
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        features = [self.stem(image)]
        x = F.max_pool2d(features[0], 3, 2, 1)
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


class Residual(nn.Module):  # type: ignore[misc]
    """x + inner(x)."""

    def __init__(self, *inner: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Sequential(*inner)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)
