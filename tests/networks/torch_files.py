"""Make the files of a PyTorch stranger, where PyTorch is: python -m tests.networks.torch_files.

    NAME FOLDER   reads FOLDER/pixels.npy, photos (n, H, W, 3) from 0 to 255

It writes FOLDER/NAME.pt2 and NAME.onnx, and NAME.npy: what the network gives for each photo.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tests.networks.random_weights import gain_and_offset, passing_on
from tests.networks.stranger import Floats, Stranger
from tests.networks.torch_strangers import TORCH
from tests.networks.torch_twins import load_twin


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--width", type=float)
    parser.add_argument("--weights", type=Path, help="of its twin (tests.networks.twins)")
    parser.add_argument("--formats", nargs="*", default=("pt2", "onnx"))
    options = parser.parse_args(argv)
    (stranger,) = (each for each in TORCH if each.name == options.name)
    pixels = np.load(options.folder / "pixels.npy")
    torch.manual_seed(0)
    network = stranger.build(pixels.shape[1:3], options.width or stranger.width)
    image = as_image(stranger, pixels)
    if options.weights is None:
        calibrate(stranger, network, image)
    else:
        load_twin(network, options.weights)
    network.eval()
    write(network, image[:1], options.folder / stranger.name, options.formats)
    with torch.no_grad():
        found = torch.cat([first(network(one[None])) for one in image])
    np.save(options.folder / f"{stranger.name}.npy", found.numpy())


def as_image(stranger: Stranger, pixels: Floats) -> Any:
    """What the network takes for photos."""
    normalized = np.asarray(stranger.as_input(pixels), np.float32)
    return torch.from_numpy(np.ascontiguousarray(normalized.transpose(0, 3, 1, 2)))


def first(outputs: Any) -> Any:
    """The finest output."""
    return outputs[0] if isinstance(outputs, tuple) else outputs


def calibrate(stranger: Stranger, network: nn.Module, image: Any) -> None:
    """Give batch normalization the statistics of photos, and the head its range."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
        if isinstance(module, nn.Conv2d) and module.groups == 1:
            kernel = passing_on(module.weight.detach().numpy().transpose(2, 3, 1, 0))
            module.weight.data = torch.from_numpy(
                np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
            )
    network.train()
    with torch.no_grad():
        network(image)
        _scale_head(network.eval(), image, stranger.y)


def _scale_head(network: nn.Module, image: Any, wanted: tuple[float, float] | None) -> None:
    if wanted is None:
        return
    (head,) = (module for name, module in network.named_modules() if _is_head(name))
    found: list[Any] = []
    hook = head.register_forward_hook(lambda _module, _inputs, output: found.append(output))
    network(image)
    hook.remove()
    gain, offset = gain_and_offset(found[0].numpy()[:, 0], wanted)
    head.weight *= gain
    head.bias.copy_(gain * head.bias + offset)


def _is_head(name: str) -> bool:
    return name.rpartition(".")[2] == "head"


def write(network: nn.Module, image: Any, path: Path, formats: Sequence[str]) -> None:
    """Export the network as its users would."""
    if "pt2" in formats:
        torch.export.save(torch.export.export(network, (image,)), path.with_suffix(".pt2"))
    if "onnx" in formats:
        torch.onnx.export(network, (image,), path.with_suffix(".onnx"), dynamo=True)


if __name__ == "__main__":
    main()
