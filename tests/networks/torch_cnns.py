"""Convolutional networks of PyTorch."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

from tests.networks.stranger import Size, scaled
from tests.networks.torch_blocks import ResNet18, Tensor, conv_norm

RESNET18 = (64, 64, 128, 256, 512)


class Monodepth2Decoder(nn.Module):  # type: ignore[misc]
    """Reflection padding, ELU, nearest enlargement; logits at the four finest scales."""

    def __init__(self, encoder: list[int], width: float, scales: int) -> None:
        super().__init__()
        self.before, self.after, self.heads = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        inputs = encoder[-1]
        for scale in (4, 3, 2, 1, 0):
            filters = scaled(16 * 2**scale, width)
            self.before.append(_reflect_conv(inputs, filters))
            skip = encoder[scale - 1] if scale else 0
            self.after.append(_reflect_conv(filters + skip, filters))
            if scale < scales and scale:
                self.heads.append(_reflect_conv(filters, 1))
            inputs = filters
        self.head = nn.Conv2d(inputs, 1, 3)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        x = features[-1]
        found: list[Tensor] = []
        for place, (before, after) in enumerate(zip(self.before, self.after, strict=True)):
            x = F.interpolate(F.elu(before(x)), scale_factor=2, mode="nearest")
            if place < 4:
                x = torch.cat([x, features[3 - place]], 1)
            x = F.elu(after(x))
            if 5 - place <= len(self.heads) + 1 and place < 4:
                found.append(self.heads[len(found)](x))
        return [self.head(F.pad(x, (1, 1, 1, 1), mode="reflect")), *found[::-1]]


def _reflect_conv(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3))


class Monodepth2(nn.Module):  # type: ignore[misc]
    """The disparities of four scales, finest first."""

    def __init__(self, size: Size, width: float = 1.0) -> None:
        super().__init__()
        filters = [scaled(c, width) for c in RESNET18]
        self.encoder = ResNet18(filters)
        self.decoder = Monodepth2Decoder(filters, width, 4)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        logits = self.decoder(self.encoder((image - 0.45) / 0.225))
        return tuple(torch.sigmoid(x) for x in logits)


class ResNetSan(nn.Module):  # type: ignore[misc]
    """After packnet-sfm's ResNetSAN01, whose sparse branch is left out: 0.5 + 14.5 sigmoid."""

    def __init__(self, size: Size, width: float = 1.0) -> None:
        super().__init__()
        filters = [scaled(c, width) for c in RESNET18]
        self.encoder = ResNet18(filters)
        self.decoder = Monodepth2Decoder(filters, width, 1)

    def forward(self, image: Tensor) -> Tensor:
        (logits,) = self.decoder(self.encoder(image))
        return 0.5 + 14.5 * torch.sigmoid(logits)


MOBILENET = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *(((512, 1),) * 5),
    (1024, 2),
    (1024, 1),
)


class FastDepth(nn.Module):  # type: ignore[misc]
    """MobileNet, depthwise 5x5 and nearest enlargement, added skips; batch norm and ReLU last."""

    def __init__(self, size: Size, width: float = 1.0) -> None:
        super().__init__()
        inputs = scaled(32, width)
        layers = [conv_norm(3, inputs, 3, 2)]
        for filters, stride in MOBILENET:
            layers.append(_separable(inputs, scaled(filters, width), 3, stride))
            inputs = scaled(filters, width)
        self.encoder = nn.ModuleList(layers)
        self.decoder, self.skips = nn.ModuleList(), nn.ModuleList()
        for filters in (512, 256, 128, 64, 32):
            self.decoder.append(_separable(inputs, scaled(filters, width), 5, 1))
            inputs = scaled(filters, width)
        self.last = nn.Conv2d(inputs, 1, 1, bias=False)
        self.head = nn.BatchNorm2d(1)

    def forward(self, image: Tensor) -> Tensor:
        x, skips = image, []
        for place, layer in enumerate(self.encoder):
            x = layer(x)
            if place in (1, 3, 5):
                skips.append(x)
        for place, layer in enumerate(self.decoder):
            x = F.interpolate(layer(x), scale_factor=2, mode="nearest")
            if 1 <= place <= 3:
                x = x + skips[3 - place]
        return torch.relu(self.head(self.last(x)))


def _separable(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        conv_norm(inputs, inputs, kernel, stride, groups=inputs), conv_norm(inputs, outputs, 1)
    )


class Bts(nn.Module):  # type: ignore[misc]
    """Residual encoder, dilated pyramid, local planar guidance, nearest enlargement with ELU."""

    def __init__(self, size: Size, width: float = 1.0) -> None:
        super().__init__()
        filters = [scaled(c, width) for c in RESNET18]
        self.encoder = ResNet18(filters)
        half = scaled(32, width)
        self.ups, self.joins = nn.ModuleList(), nn.ModuleList()
        inputs = filters[4]
        for skip in (filters[3], filters[2], filters[1], filters[0]):
            self.ups.append(_elu_conv(inputs, skip))
            self.joins.append(_elu_conv(2 * skip, skip))
            inputs = skip
        self.pyramid = nn.ModuleList(
            nn.Conv2d(filters[2], half, 3, padding=dilation, dilation=dilation)
            for dilation in (3, 6, 12)
        )
        self.reduce = nn.Conv2d(filters[2] + 3 * half, filters[2], 1)
        self.planes = nn.Conv2d(filters[2], 3, 1)
        self.last = _elu_conv(inputs, half)
        self.join = _elu_conv(half + 1, half)
        self.head = nn.Conv2d(half, 1, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        *skips, x = self.encoder(image)
        for place, (up, join) in enumerate(zip(self.ups, self.joins, strict=True)):
            x = join(torch.cat([up(_nearest(x)), skips[3 - place]], 1))
            if place == 1:
                x = self.reduce(torch.cat([x, *(layer(x) for layer in self.pyramid)], 1))
                plane = _planar_guidance(torch.sigmoid(self.planes(x)), 8)
        x = self.join(torch.cat([self.last(_nearest(x)), plane], 1))
        return 10 * torch.sigmoid(self.head(x))


def _nearest(x: Tensor, times: int = 2) -> Tensor:
    return F.interpolate(x, scale_factor=times, mode="nearest")


def _elu_conv(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.ELU())


def _planar_guidance(plane: Tensor, times: int) -> Tensor:
    """Where the ray of each pixel meets the plane of its patch, in shares of the range."""
    theta, phi, distance = (plane[:, place : place + 1] for place in range(3))
    theta, phi = theta * torch.pi / 3, phi * torch.pi * 2
    normal = torch.cat(
        [torch.sin(theta) * torch.cos(phi), torch.sin(theta) * torch.sin(phi), torch.cos(theta)], 1
    )
    normal = F.normalize(normal, 2, 1)
    n1, n2, n3 = (_nearest(normal[:, place : place + 1], times) for place in range(3))
    place = (torch.arange(times, dtype=torch.float32) - (times - 1) / 2) / times
    u = place.repeat(plane.shape[3]).reshape(1, 1, 1, -1)
    v = place.repeat(plane.shape[2]).reshape(1, 1, -1, 1)
    return _nearest(distance, times) / (n1 * u + n2 * v + n3)


class PackNet(nn.Module):  # type: ignore[misc]
    """Packed pixels instead of strides, group normalization, ELU; depth = 0.5 m / sigmoid."""

    def __init__(self, size: Size, width: float = 1.0) -> None:
        super().__init__()
        filters = [scaled(c, width) for c in (32, 64, 64, 128)]
        self.stem = _group_conv(3, filters[0], 5)
        self.downs, self.blocks = nn.ModuleList(), nn.ModuleList()
        for inputs, outputs in pairwise(filters):
            self.downs.append(_group_conv(4 * inputs, outputs))
            self.blocks.append(
                nn.Sequential(_group_conv(outputs, outputs), _group_conv(outputs, outputs))
            )
        self.ups, self.joins = nn.ModuleList(), nn.ModuleList()
        for inputs, outputs in zip(filters[:0:-1], filters[-2::-1], strict=True):
            self.ups.append(_group_conv(inputs, 4 * outputs))
            self.joins.append(_group_conv(2 * outputs, outputs))
        self.head = nn.Conv2d(filters[0], 1, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        x, skips = self.stem(image), []
        for down, block in zip(self.downs, self.blocks, strict=True):
            skips.append(x)
            x = down(F.pixel_unshuffle(x, 2))
            x = F.elu(x + block(x))
        for up, join, skip in zip(self.ups, self.joins, skips[::-1], strict=True):
            x = join(torch.cat([F.pixel_shuffle(up(x), 2), skip], 1))
        return 0.5 / torch.sigmoid(self.head(x))


def _group_conv(inputs: int, outputs: int, kernel: int = 3) -> nn.Sequential:
    groups = min(16, outputs // 4)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2),
        nn.GroupNorm(groups, outputs),
        nn.ELU(),
    )


class Enet(nn.Module):  # type: ignore[misc]
    """After ENet (A. Paszke et al., 2016): PReLU, dilated and asymmetric convolutions; Mish."""

    def __init__(self, size: Size, width: float = 1.0) -> None:
        super().__init__()
        filters = [scaled(c, width) for c in (32, 64, 128)]
        self.first = nn.Conv2d(3, filters[0] - 3, 3, 2, 1)
        self.norm = nn.Sequential(nn.BatchNorm2d(filters[0]), nn.PReLU(filters[0]))
        self.down = conv_norm(filters[0], filters[1], 3, 2, lambda: nn.PReLU(filters[1]))
        inner: list[Any] = [conv_norm(filters[1], filters[2], 3, 2, nn.Mish)]
        for dilation in (2, 4, 8):
            inner += [
                nn.Conv2d(filters[2], filters[2], 3, padding=dilation, dilation=dilation),
                nn.BatchNorm2d(filters[2]),
                nn.PReLU(),
                nn.Conv2d(filters[2], filters[2], (5, 1), padding=(2, 0), bias=False),
                nn.Conv2d(filters[2], filters[2], (1, 5), padding=(0, 2), bias=False),
                nn.BatchNorm2d(filters[2]),
                nn.Mish(),
            ]
        self.inner = nn.Sequential(*inner)
        self.up = nn.ConvTranspose2d(filters[2], filters[1], 3, 2, 1, output_padding=1)
        self.join = conv_norm(filters[1], filters[1], 3, 1, nn.Mish)
        self.head = nn.ConvTranspose2d(filters[1], 1, 4, 4)

    def forward(self, image: Tensor) -> Tensor:
        x = self.norm(torch.cat([self.first(image), F.max_pool2d(image, 2)], 1))
        x = self.down(x)
        x = self.join(self.up(self.inner(x)) + x)
        return F.softplus(self.head(x)).squeeze(1)
