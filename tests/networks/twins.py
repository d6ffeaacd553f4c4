"""Give a PyTorch network the weights of its Keras twin, whose parts were made in the same order.

python -m tests.networks.twins NAME TRAINED FILE   writes the weights of Keras as arrays
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from tests.networks.strangers import stranger_named

_PARTS = ("expand", "depthwise", "project")
# Kernels of Keras as PyTorch has them.
_AXES = {
    layers.Conv2D: (3, 2, 0, 1),
    layers.DepthwiseConv2D: (2, 3, 0, 1),
    layers.Conv2DTranspose: (3, 2, 0, 1),
    layers.Dense: (1, 0),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("trained", type=Path)
    parser.add_argument("file", type=Path)
    options = parser.parse_args(argv)
    facts = json.loads((options.trained / f"{options.name}.json").read_text())
    network = stranger_named(options.name).build(tuple(facts["size"]), facts["width"])
    network.load_weights(options.trained / f"{options.name}.weights.h5")
    np.savez(options.file, allow_pickle=False, **arrays(network))


def arrays(network: keras.Model) -> dict[str, npt.NDArray[np.float32]]:
    """The weights by "KIND.NUMBER.PLACE", where numbers count the layers of a kind as made."""
    found: dict[str, npt.NDArray[np.float32]] = {}
    for kind in (*_AXES, layers.BatchNormalization, layers.LayerNormalization):
        ours = [layer for layer in network.layers if type(layer) is kind]
        for number, layer in enumerate(sorted(ours, key=lambda layer: _made(layer.name))):
            first, *rest = layer.get_weights()
            values = [first.transpose(_AXES[kind]) if kind in _AXES else first, *rest]
            found |= {f"{kind.__name__}.{number}.{i}": value for i, value in enumerate(values)}
    return found


def _made(name: str) -> tuple[int, int]:
    """When a layer was made, as its name tells: the encoder's, those with numbers, the head."""
    block = re.match(r"b(\d+)_([a-z]+)", name)
    number = re.search(r"_(\d+)$", name)
    if name.startswith("stem"):
        return -1, 0
    if block:
        return int(block[1]), _PARTS.index(block[2])
    if name == "head":
        return 10**6, 10**6
    return 10**6, int(number[1]) if number else 0


if __name__ == "__main__":
    main()
