"""Runs in the environment of PyTorch: networks as .pt2, what they give for an input, and odd files.

python make_torch.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

SIZE = (32, 48)


class Net(nn.Module):  # type: ignore[misc]
    """As monodepth2 in small: reflection padding, ELU, disparities at two scales."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.decoder = nn.Conv2d(8, 8, 3)
        self.disparity = nn.Conv2d(8, 1, 1)

    def features(self, image: Any) -> Any:
        """A map of half the size."""
        x = functional.elu(self.norm(self.encoder(image)))
        x = functional.elu(self.decoder(functional.pad(x, (1, 1, 1, 1), mode="reflect")))
        return functional.dropout(x, 0.5, self.training)

    def forward(self, image: Any) -> Any:
        """Disparities, named as in monodepth2."""
        coarse = self.disparity(self.features(image))
        fine = functional.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        return {("disp", 0): torch.sigmoid(fine), ("disp", 1): torch.sigmoid(coarse)}


class One(Net):
    """One output."""

    def forward(self, image: Any) -> Any:
        """Log depth."""
        return self.disparity(self.features(image)).exp()


class Padded(Net):
    """With the transposed convolution of FastDepth, which litert-torch does not take."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(8, 1, 3, stride=2, padding=1, output_padding=1)

    def forward(self, image: Any) -> Any:
        """Depth."""
        return self.up(self.features(image))


def export(network: nn.Module, image: Any, file: Path, **options: Any) -> None:
    """Write the .pt2, and beside it what the network gives for the image."""
    torch.export.save(torch.export.export(network, (image,), **options), str(file))
    found = network(image)
    values = found.values() if isinstance(found, dict) else [found]
    np.savez(file.with_suffix(".npz"), *[value.detach().numpy() for value in values])


def main(folder: Path) -> None:
    """Write all files."""
    torch.manual_seed(0)
    image = torch.rand(1, 3, *SIZE)
    np.save(folder / "image.npy", image.numpy())
    for name, kind in (("scales", Net), ("one", One), ("padded", Padded)):
        export(kind().eval(), image, folder / f"{name}.pt2")
    anything = torch.export.Dim.DYNAMIC
    free = ({0: anything, 2: anything, 3: anything},)
    batch = torch.rand(2, 3, *SIZE)
    program = torch.export.export(One().eval(), (batch,), dynamic_shapes=free)
    torch.export.save(program, str(folder / "any_size.pt2"))
    export(One().train(), image.repeat(2, 1, 1, 1), folder / "training.pt2")
    broken = One().eval()
    broken.decoder.bias.data[3] = float("nan")
    torch.export.save(torch.export.export(broken, (image,)), str(folder / "nan.pt2"))
    half = torch.export.export(One().eval().half(), (image.half(),))
    torch.export.save(half, str(folder / "half.pt2"))
    torch.save(Net().state_dict(), folder / "weights.pth")
    torch.jit.trace(One().eval(), image).save(str(folder / "script.pt"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
