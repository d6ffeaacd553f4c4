"""The weights of a depth network from those of another."""

from __future__ import annotations

import keras

from tfl_depth.models.efficientnet_lite import SHORT_STAGES, original_blocks

# The name of a network with the short encoder, and of the one that it may start from.
SHORT, WHOLE = "efficientnet_lite0_short_depth", "efficientnet_lite0_depth"


def take_weights(model: keras.Model, source: keras.Model) -> None:
    """Set all weights of a network.

    Args:
        model: whose weights are set.
        source: the same network; or, for a network with the encoder `efficientnet_lite0_short`,
            one with `efficientnet_lite0`: the blocks that it leaves out add to their input, so
            that the others, and the decoder, fit.

    Raises:
        ValueError: another network.
    """
    if (model.name, source.name) != (SHORT, WHOLE):
        model.set_weights(source.get_weights())
        return
    blocks = {f"b{block}": f"b{n}" for block, n in enumerate(original_blocks(SHORT_STAGES))}
    for layer in model.layers:
        part, mark, rest = layer.name.partition("_")
        same = source.get_layer(blocks.get(part, part) + mark + rest) if layer.weights else layer
        layer.set_weights(same.get_weights())
