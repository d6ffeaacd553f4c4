"""Networks of PyTorch with attention: MobileViT, DPT, GLPN, Lite-Mono."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

from tests.networks.stranger import Size, repeated, scaled
from tests.networks.torch_blocks import Residual, Tensor, bilinear, conv_norm
from tests.networks.torch_lite0 import Lite0


class Attention(nn.Module):  # type: ignore[misc]
    """Self-attention of tokens (batch, patches, tokens, channels), as lucidrains writes it."""

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads, self.depth = heads, width // heads
        self.to_qkv = nn.Linear(width, 3 * width)
        self.to_out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, patches, count, width = x.shape
        q, k, v = (
            part.reshape(batch, patches, count, self.heads, self.depth).permute(0, 1, 3, 2, 4)
            for part in self.to_qkv(x).chunk(3, dim=-1)
        )
        shares = torch.softmax(torch.matmul(q, k.transpose(-1, -2)) * self.depth**-0.5, -1)
        mixed = torch.matmul(shares, v).permute(0, 1, 3, 2, 4)
        return self.to_out(mixed.reshape(batch, patches, count, width))


class MobileVitBlock(nn.Module):  # type: ignore[misc]
    """Convolutions, transformers over every fourth pixel, and both together."""

    def __init__(self, filters: int, width: int, count: int) -> None:
        super().__init__()
        self.local = nn.Sequential(
            conv_norm(filters, filters, 3, 1, nn.SiLU), nn.Conv2d(filters, width, 1, bias=False)
        )
        layers: list[nn.Module] = []
        for _ in range(count):
            layers.append(Residual(nn.LayerNorm(width, 1e-6), Attention(width)))
            inner = (nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))
            layers.append(Residual(nn.LayerNorm(width, 1e-6), *inner))
        self.transformer = nn.Sequential(*layers, nn.LayerNorm(width, 1e-6))
        self.spread = conv_norm(width, filters, 1, 1, nn.SiLU)
        self.both = conv_norm(2 * filters, filters, 3, 1, nn.SiLU)

    def forward(self, x: Tensor) -> Tensor:
        local = self.local(x)
        batch, width, height, breadth = local.shape
        rows, columns = height // 2, breadth // 2
        tokens = local.reshape(batch, width, rows, 2, columns, 2).permute(0, 3, 5, 2, 4, 1)
        tokens = self.transformer(tokens.reshape(batch, 4, rows * columns, width))
        tokens = tokens.reshape(batch, 2, 2, rows, columns, width).permute(0, 5, 3, 1, 4, 2)
        spread = self.spread(tokens.reshape(batch, width, height, breadth))
        return self.both(torch.cat([x, spread], 1))


class MobileVit(nn.Module):  # type: ignore[misc]
    """The twin of `keras_hybrids.mobilevit`, whose parts it has in the same order."""

    def __init__(self, size: Size, width: float = 1.0) -> None:
        super().__init__()
        self.encoder = Lite0()
        self.blocks = nn.ModuleList(
            MobileVitBlock(filters, scaled(inner, width), count)
            for filters, inner, count in ((320, 96, 3), (112, 80, 2), (40, 64, 2))
        )
        self.ups, self.joins, inputs = nn.ModuleList(), nn.ModuleList(), 320
        for filters, skip in ((128, 112), (96, 40), (64, 24), (32, 16)):
            outputs = scaled(filters, width)
            self.ups.append(nn.ConvTranspose2d(inputs, outputs, 2, 2))
            self.joins.append(conv_norm(outputs + skip, outputs))
            inputs = outputs
        self.head = nn.Conv2d(inputs, 1, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        stride2, stride4, *coarse = self.encoder(image)
        x, *skips = (block(x) for block, x in zip(self.blocks, coarse[::-1], strict=True))
        skips += [stride4, stride2]
        for up, join, skip in zip(self.ups, self.joins, skips, strict=True):
            x = join(torch.cat([up(x), skip], 1))
        return 10 * torch.sigmoid(self.head(x))


class EncoderLayer(nn.Module):  # type: ignore[misc]
    """A layer of a vision transformer, as timm writes it, with layer scale."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width, 1e-6), nn.LayerNorm(width, 1e-6)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.ls1, self.ls2 = (nn.Parameter(0.5 * torch.ones(width)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        batch, count, width = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(batch, count, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        x = x + self.ls1 * self.proj(mixed.reshape(batch, count, width))
        return x + self.ls2 * self.mlp(self.norm2(x))


class Dpt(nn.Module):  # type: ignore[misc]
    """ViT-S of patches of 14 with a class token, and the dense prediction transformer's decoder."""

    def __init__(self, size: Size, width: float = 1.0) -> None:
        super().__init__()
        heads = repeated(6, width)
        channels = 64 * heads
        self.grid = (size[0] // 14, size[1] // 14)
        self.patches = nn.Conv2d(3, channels, 14, 14)
        self.cls = nn.Parameter(0.02 * torch.randn(1, 1, channels))
        self.position = nn.Parameter(
            0.02 * torch.randn(1, 1 + self.grid[0] * self.grid[1], channels)
        )
        self.layers = nn.ModuleList(
            EncoderLayer(channels, heads) for _ in range(max(4, repeated(12, width)))
        )
        self.norm = nn.LayerNorm(channels, 1e-6)
        filters = scaled(64, width)
        self.reassemble = nn.ModuleList(
            nn.Sequential(*_reassemble(channels, scaled(48 * 2**place, width), place, filters))
            for place in range(4)
        )
        self.units = nn.ModuleList(
            nn.ModuleList([_residual_unit(filters), _residual_unit(filters)]) for _ in range(4)
        )
        self.outs = nn.ModuleList(nn.Conv2d(filters, filters, 1) for _ in range(4))
        self.conv1 = nn.Conv2d(filters, filters // 2, 3, padding=1)
        self.conv2 = nn.Conv2d(filters // 2, scaled(32, width), 3, padding=1)
        self.head = nn.Conv2d(scaled(32, width), 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        tokens = self.patches(image).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls.expand(tokens.shape[0], -1, -1), tokens], 1) + self.position
        levels, every = [], len(self.layers) // 4
        for place, layer in enumerate(self.layers):
            tokens = layer(tokens)
            if (place + 1) % every == 0:
                grid = self.norm(tokens)[:, 1:].transpose(1, 2)
                levels.append(grid.reshape(grid.shape[0], grid.shape[1], *self.grid))
        x = self._fused([layer(x) for layer, x in zip(self.reassemble, levels, strict=True)])
        x = F.interpolate(self.conv1(x), image.shape[2:], mode="bilinear", align_corners=True)
        return 10 * torch.sigmoid(self.head(torch.relu(self.conv2(x))))

    def _fused(self, levels: list[Tensor]) -> Tensor:
        x = None
        for place in (3, 2, 1, 0):
            first, second = self.units[place]
            x = levels[place] if x is None else x + first(levels[place])
            size = levels[place - 1].shape[2:] if place else [2 * side for side in x.shape[2:]]
            x = F.interpolate(second(x), size, mode="bilinear", align_corners=True)
            x = self.outs[place](x)
        return x


def _reassemble(inputs: int, inner: int, place: int, outputs: int) -> list[nn.Module]:
    resize: list[nn.Module] = {
        0: [nn.ConvTranspose2d(inner, inner, 4, 4)],
        1: [nn.ConvTranspose2d(inner, inner, 2, 2)],
        2: [],
        3: [nn.Conv2d(inner, inner, 3, 2, 1)],
    }[place]
    return [nn.Conv2d(inputs, inner, 1), *resize, nn.Conv2d(inner, outputs, 3, 1, 1, bias=False)]


def _residual_unit(filters: int) -> Residual:
    return Residual(
        nn.ReLU(),
        nn.Conv2d(filters, filters, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(filters, filters, 3, padding=1),
    )


class ReducedAttention(nn.Module):  # type: ignore[misc]
    """Attention to keys and values of a smaller grid (W. Wang et al., ICCV 2021)."""

    def __init__(self, width: int, heads: int, ratio: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.kv = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.reduce = nn.Conv2d(width, width, ratio, ratio) if ratio > 1 else None
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        batch, count, width = x.shape
        shape = (batch, -1, self.heads, width // self.heads)
        q = self.q(x).reshape(shape).transpose(1, 2)
        if self.reduce is not None:
            x = self.reduce(x.transpose(1, 2).reshape(batch, width, *size))
            x = self.norm(x.flatten(2).transpose(1, 2))
        k, v = (part.reshape(shape).transpose(1, 2) for part in self.kv(x).chunk(2, -1))
        shares = torch.softmax(q @ k.transpose(-2, -1) / (width // self.heads) ** 0.5, -1)
        return self.out((shares @ v).transpose(1, 2).reshape(batch, count, width))


class MixLayer(nn.Module):  # type: ignore[misc]
    """A layer of SegFormer's encoder: its perceptron holds a depthwise convolution."""

    def __init__(self, width: int, heads: int, ratio: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = ReducedAttention(width, heads, ratio)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.depthwise = nn.Conv2d(4 * width, 4 * width, 3, padding=1, groups=4 * width)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        x = x + self.attention(self.norm1(x), size)
        inner = self.widen(self.norm2(x)).transpose(1, 2)
        inner = self.depthwise(inner.reshape(*inner.shape[:2], *size)).flatten(2).transpose(1, 2)
        return x + self.narrow(F.gelu(inner))


class Glpn(nn.Module):  # type: ignore[misc]
    """GLPN (D. Kim et al., 2022): SegFormer's encoder, fusion by two attention maps, 10 sigmoid."""

    def __init__(self, size: Size, width: float = 1.0) -> None:
        super().__init__()
        filters = [scaled(c, width) for c in (32, 64, 160, 256)]
        inputs = [3, *filters[:3]]
        self.patches = nn.ModuleList(
            nn.Conv2d(a, b, 3 if place else 7, 2 if place else 4, 1 if place else 3)
            for place, (a, b) in enumerate(zip(inputs, filters, strict=True))
        )
        self.layers = nn.ModuleList(
            nn.ModuleList(MixLayer(c, heads, ratio) for _ in range(repeated(2, width)))
            for c, heads, ratio in zip(filters, (1, 2, 2, 4), (8, 4, 2, 1), strict=True)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(c) for c in filters)
        out = scaled(64, width)
        self.reduce = nn.ModuleList(nn.Conv2d(c, out, 1) for c in filters)
        self.shares = nn.ModuleList(
            nn.Sequential(conv_norm(2 * out, out), nn.Conv2d(out, 2, 3, padding=1), nn.Sigmoid())
            for _ in range(3)
        )
        self.last = nn.Sequential(nn.Conv2d(out, out, 3, padding=1), nn.ReLU())
        self.head = nn.Conv2d(out, 1, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        x, levels = image, []
        for patch, layers, norm in zip(self.patches, self.layers, self.norms, strict=True):
            x = patch(x)
            size = x.shape[2:]
            tokens = x.flatten(2).transpose(1, 2)
            for layer in layers:
                tokens = layer(tokens, size)
            x = norm(tokens).transpose(1, 2).reshape(x.shape)
            levels.append(x)
        x = self.reduce[3](levels[3])
        for place in (2, 1, 0):
            x, local = bilinear(x), self.reduce[place](levels[place])
            shares = self.shares[place](torch.cat([local, x], 1))
            x = local * shares[:, :1] + x * shares[:, 1:]
        return 10 * torch.sigmoid(self.head(self.last(bilinear(x))))


class ChannelsFirstNorm(nn.Module):  # type: ignore[misc]
    """Layer normalization over the channels of (batch, channels, height, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(1, keepdim=True)
        variance = (x - mean).pow(2).mean(1, keepdim=True)
        x = (x - mean) / torch.sqrt(variance + 1e-6)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class ChannelAttention(nn.Module):  # type: ignore[misc]
    """Cross-covariance attention (A. El-Nouby et al., NeurIPS 2021)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, count, width = x.shape
        qkv = self.qkv(x).reshape(batch, count, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 4, 1).unbind(0)
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        shares = torch.softmax(q @ k.transpose(-2, -1) * self.temperature, -1)
        return self.proj((shares @ v).permute(0, 3, 1, 2).reshape(batch, count, width))


class DilatedBlock(nn.Module):  # type: ignore[misc]
    """A dilated depthwise convolution and a perceptron in the last dimension."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            width, width, 3, padding=dilation, dilation=dilation, groups=width, bias=False
        )
        self.norm = nn.BatchNorm2d(width)
        self.widen, self.narrow = nn.Linear(width, 6 * width), nn.Linear(6 * width, width)
        self.gamma = nn.Parameter(0.5 * torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm(self.depthwise(x)).permute(0, 2, 3, 1)
        inner = self.gamma * self.narrow(F.gelu(self.widen(inner)))
        return x + inner.permute(0, 3, 1, 2)


class GlobalBlock(nn.Module):  # type: ignore[misc]
    """Attention between channels over the whole image, and a perceptron."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), ChannelsFirstNorm(width)
        self.attention = ChannelAttention(width, min(8, width // 8))
        self.mlp = nn.Sequential(nn.Conv2d(width, 6 * width, 1), nn.GELU())
        self.narrow = nn.Conv2d(6 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        tokens = tokens + self.attention(self.norm1(tokens))
        x = tokens.transpose(1, 2).reshape(x.shape)
        return x + self.narrow(self.mlp(self.norm2(x)))


class LiteMono(nn.Module):  # type: ignore[misc]
    """Lite-Mono (N. Zhang et al., CVPR 2023): the disparities of three scales, finest first."""

    def __init__(self, size: Size, width: float = 1.0) -> None:
        super().__init__()
        filters = [scaled(c, width) for c in (48, 80, 128)]
        self.stem = nn.Sequential(
            conv_norm(3, filters[0], 3, 2, nn.GELU),
            conv_norm(filters[0], filters[0], 3, 1, nn.GELU),
            conv_norm(filters[0], filters[0], 3, 1, nn.GELU),
        )
        self.downs, self.stages = nn.ModuleList(), nn.ModuleList()
        dilations = ((1, 2, 3), (1, 2, 3), (1, 2, 3, 2, 4, 6))
        inputs = filters[0]
        for outputs, each in zip(filters, dilations, strict=True):
            down = nn.Conv2d(inputs + 3, outputs, 3, 2, 1, bias=False)
            self.downs.append(nn.Sequential(nn.BatchNorm2d(inputs + 3), down))
            blocks = [DilatedBlock(outputs, dilation) for dilation in each]
            self.stages.append(nn.Sequential(*blocks, GlobalBlock(outputs)))
            inputs = outputs
        self.ups, self.joins, self.disparities = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for skip in (filters[1], filters[0], 0):
            outputs = max(8, inputs // 2)
            self.ups.append(_reflect_elu(inputs, outputs))
            self.joins.append(_reflect_elu(outputs + skip, outputs))
            inputs = outputs
            if skip:
                self.disparities.append(nn.Conv2d(outputs, 1, 3, padding=1, padding_mode="reflect"))
        self.head = nn.Conv2d(inputs, 1, 3, padding=1, padding_mode="reflect")

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        x, pooled, levels, found = self.stem(image), image, [], []
        for down, stage in zip(self.downs, self.stages, strict=True):
            pooled = F.avg_pool2d(pooled, 3, 2, 1)
            x = stage(down(torch.cat([x, pooled], 1)))
            levels.append(x)
        for place, (up, join) in enumerate(zip(self.ups, self.joins, strict=True)):
            x = bilinear(up(x))
            x = join(torch.cat([x, levels[1 - place]], 1) if place < 2 else x)
            if place < 2:
                found.append(torch.sigmoid(self.disparities[place](x)))
        return (torch.sigmoid(self.head(x)), *found[::-1])


def _reflect_elu(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect"), nn.ELU())
