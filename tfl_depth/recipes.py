"""How a network is made ready for int8: named recipes, each a list of steps.

Nothing here is code: `converters.steps` does what the steps name.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """One way to int8.

    Attributes:
        title: what it does, for `--help`.
        steps: names in `converters.steps.STEPS`, in the order in which they are taken.
    """

    title: str
    steps: tuple[str, ...] = ()


RECIPES = {
    "plain": Recipe("the stock converter: weights to the nearest code, ranges of min and max"),
    "percentile-99.9": Recipe("feature maps cut at 0.1 and 99.9 %", ("range-percentile-99.9",)),
    "percentile-99.99": Recipe("feature maps cut at 0.01 and 99.99 %", ("range-percentile-99.99",)),
    "mse": Recipe("feature maps cut where the squared error is least", ("range-mse",)),
    "kl": Recipe("feature maps cut where the KL divergence is least", ("range-kl",)),
    "dead-channels": Recipe("channels that never change made constants", ("dead-channels",)),
    "equalised": Recipe("cross-layer equalisation", ("equalise",)),
    "clipped": Recipe("weights cut where the squared error is least", ("clip",)),
    "bias-corrected": Recipe("biases moved by what rounding adds to the means", ("correct-bias",)),
    "classic": Recipe(
        "the textbook's four: dead channels, equalisation, clipping, bias correction",
        ("dead-channels", "equalise", "clip", "correct-bias"),
    ),
    "learned": Recipe(
        "weights rounded one by one, each making good what the ones before it spoilt in the\n"
        "feature maps; takes minutes, needs no labels",
        ("round",),
    ),
    "equalised-learned": Recipe("cross-layer equalisation, then as learned", ("equalise", "round")),
    "parted-learned": Recipe(
        "depthwise convolutions parted where one scale serves a kernel, then as learned",
        ("part", "round"),
    ),
    "distilled": Recipe(
        "as learned, then trained at int8 to say what the float network says",
        ("round", "range-min-max", "distil"),
    ),
}
# docs/strategy: nearest to FP32 with one scale a channel and with one a kernel, in a minute or two.
DEFAULT = "learned"
