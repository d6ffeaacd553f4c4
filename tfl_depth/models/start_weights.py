"""The weights of a depth network from those of another."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from tfl_depth.models.blocks import Stage
from tfl_depth.models.efficientnet_lite import SHORT_STAGES, THIN_STAGES, original_blocks
from tfl_depth.models.thinning import thinned_weights

# The name of a network with the whole encoder EfficientNet-Lite0; and the stages of those that may
# start from it.
WHOLE = "efficientnet_lite0_depth"
PARTS: dict[str, Sequence[Stage]] = {
    "efficientnet_lite0_short_depth": SHORT_STAGES,
    "pico_depth": THIN_STAGES,
}


def take_weights(model: keras.Model, source: keras.Model) -> None:
    """Set the weights of a network.

    Args:
        model: whose weights are set.
        source: the same network; or, for a network with the encoder `efficientnet_lite0_short` or
            `pico`, one with `efficientnet_lite0`. The blocks that the part leaves out add to their
            input, so that the others fit. Of hidden channels it takes the most important ones. A
            layer of the decoder with another shape keeps its own weights.

    Raises:
        ValueError: another network.
    """
    stages = PARTS.get(model.name) if source.name == WHOLE else None
    if stages is None:
        model.set_weights(source.get_weights())
        return
    blocks = {f"b{block}": f"b{n}" for block, n in enumerate(original_blocks(stages))}
    for layer in model.layers:
        if layer.weights:
            part, mark, rest = layer.name.partition("_")
            weights = thinned_weights(layer, source, blocks.get(part, part) + mark + rest)
            if weights is not None:
                layer.set_weights(weights)
