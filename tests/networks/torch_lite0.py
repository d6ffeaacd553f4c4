"""EfficientNet-Lite0 in PyTorch, with the parameter names that the package of its weights has."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

from tests.networks.torch_blocks import Tensor

# repeats, kernel, stride, widening, channels: M. Tan and Q. Le (ICML 2019).
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
EPSILON = 1e-3


class SameConv2d(nn.Conv2d):  # type: ignore[misc]
    """A convolution that is padded as TensorFlow pads: the odd row and column come last."""

    def forward(self, x: Tensor) -> Tensor:
        border = self.kernel_size[0] - self.stride[0]
        before, after = border // 2, border - border // 2
        return super().forward(F.pad(x, (before, after, before, after)))


class Block(nn.Module):  # type: ignore[misc]
    """An inverted residual."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, widening: int) -> None:
        super().__init__()
        inner = widening * inputs
        if widening > 1:
            self._expand_conv = nn.Conv2d(inputs, inner, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(inner, EPSILON)
        self._depthwise_conv = SameConv2d(inner, inner, kernel, stride, groups=inner, bias=False)
        self._bn1 = nn.BatchNorm2d(inner, EPSILON)
        self._project_conv = nn.Conv2d(inner, outputs, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(outputs, EPSILON)
        self.wide, self.added = widening > 1, stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu6(self._bn0(self._expand_conv(x))) if self.wide else x
        inner = F.relu6(self._bn1(self._depthwise_conv(inner)))
        inner = self._bn2(self._project_conv(inner))
        return x + inner if self.added else inner


class Lite0(nn.Module):  # type: ignore[misc]
    """Gives its features at strides 2 to 32, finest first: 16, 24, 40, 112 and 320 channels."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, EPSILON)
        self._blocks, inputs, self.ends = nn.ModuleList(), 32, []
        for repeats, kernel, stride, widening, outputs in STAGES:
            if stride == 2:
                self.ends.append(len(self._blocks) - 1)
            for repeat in range(repeats):
                block = Block(inputs, outputs, kernel, 1 if repeat else stride, widening)
                self._blocks.append(block)
                inputs = outputs
        self.ends.append(len(self._blocks) - 1)

    def forward(self, image: Tensor) -> list[Tensor]:
        x, features = F.relu6(self._bn0(self._conv_stem(image))), []
        for place, block in enumerate(self._blocks):
            x = block(x)
            if place in self.ends:
                features.append(x)
        return features


def load_imagenet(encoder: Lite0, file: str, mean: Tensor, std: Tensor) -> None:
    """Set ImageNet's weights, for an image (pixels from 0 to 1 - mean) / std.

    They are for (pixel - 127) / 128: the stem takes the difference, exactly so but at the border.
    """
    state = torch.load(file, weights_only=True)
    kernel = state["_conv_stem.weight"]
    gain, offset = (255 * torch.tensor(std)) / 128, (255 * torch.tensor(mean) - 127) / 128
    state["_bn0.running_mean"] -= (kernel * offset[None, :, None, None]).sum((1, 2, 3))
    state["_conv_stem.weight"] = kernel * gain[None, :, None, None]
    known = encoder.state_dict()
    encoder.load_state_dict({name: state[name] for name in known}, strict=True)
