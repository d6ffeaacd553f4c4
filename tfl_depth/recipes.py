"""How a network is made ready for int8: named recipes, each a list of steps.

Nothing here is code: `converters.ptq.recipe` does what the names mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "DEFAULT",
    "DEFAULT_PER_TENSOR",
    "RECIPES",
    "TRAINED",
    "PtqRecipe",
    "RangeMethod",
    "RecipeName",
    "StepName",
    "TrainedRecipe",
    "default_recipe",
    "recipe_named",
]

RecipeName = Literal[
    "minmax",
    "percentile-99.9",
    "percentile-99.99",
    "mse",
    "kl",
    "dead-channels",
    "cle",
    "weight-clipping",
    "bias-correction",
    "cle-bias",
    "gptq",
    "cle-gptq",
    "split-gptq",
]
# What needs training, and so a Keras network: `tfl-depth strategy` measures it.
TrainedRecipe = Literal["gptq-qat"]
StepName = Literal[
    "dead-channels", "equalize", "clip", "correct-bias", "split-depthwise", "reconstruct"
]
RangeMethod = Literal["minmax", "percentile-99.9", "percentile-99.99", "mse", "kl"]


@dataclass(frozen=True)
class PtqRecipe:
    """One way to int8.

    Attributes:
        title: what it does, for `--help`.
        steps: names in `converters.ptq.recipe.STEPS`, in the order in which they are taken.
        ranges: name in `converters.ptq.recipe.RANGES`: how the range of a feature map is chosen.
    """

    title: str
    steps: tuple[StepName, ...] = ()
    ranges: RangeMethod = "minmax"


RECIPES: dict[RecipeName, PtqRecipe] = {
    "minmax": PtqRecipe("weights to the nearest code, ranges of minimum and maximum; seconds"),
    "percentile-99.9": PtqRecipe("feature maps cut at 0.1 and 99.9 %", ranges="percentile-99.9"),
    "percentile-99.99": PtqRecipe(
        "feature maps cut at 0.01 and 99.99 %", ranges="percentile-99.99"
    ),
    "mse": PtqRecipe("feature maps cut where the squared error is least", ranges="mse"),
    "kl": PtqRecipe("feature maps cut where the KL divergence is least", ranges="kl"),
    "dead-channels": PtqRecipe("channels that never change made constants", ("dead-channels",)),
    "cle": PtqRecipe("cross-layer equalization", ("equalize",)),
    "weight-clipping": PtqRecipe("weights cut where the squared error is least", ("clip",)),
    "bias-correction": PtqRecipe(
        "biases moved by what rounding adds to the means", ("correct-bias",)
    ),
    "cle-bias": PtqRecipe(
        "dead channels, equalization, clipping, bias correction",
        ("dead-channels", "equalize", "clip", "correct-bias"),
    ),
    "gptq": PtqRecipe(
        "weights fitted and rounded layer by layer to keep the float feature maps; about a\n"
        "minute, no labels",
        ("reconstruct",),
        "mse",
    ),
    "cle-gptq": PtqRecipe(
        "cross-layer equalization, then as gptq", ("equalize", "reconstruct"), "mse"
    ),
    "split-gptq": PtqRecipe(
        "depthwise convolutions split by the size of their filters where weights are per\n"
        "tensor, then as gptq",
        ("split-depthwise", "reconstruct"),
        "mse",
    ),
}
# docs/strategy: nearest to FP32 with weights per channel and per tensor, in about a minute.
DEFAULT: RecipeName = "gptq"
DEFAULT_PER_TENSOR: RecipeName = "split-gptq"

# Names of versions before 0.1.0, and what they are called now.
RENAMED: dict[str, RecipeName | TrainedRecipe] = {
    "plain": "minmax",
    "learned": "gptq",
    "equalised-learned": "cle-gptq",
    "parted-learned": "split-gptq",
    "equalised": "cle",
    "classic": "cle-bias",
    "clipped": "weight-clipping",
    "bias-corrected": "bias-correction",
    "distilled": "gptq-qat",
}
TRAINED: tuple[TrainedRecipe, ...] = ("gptq-qat",)


def default_recipe(*, per_channel: bool) -> RecipeName:
    """The recipe that is taken where none is named."""
    return DEFAULT if per_channel else DEFAULT_PER_TENSOR


def recipe_named(name: RecipeName | TrainedRecipe) -> PtqRecipe:
    """Look up a recipe.

    Raises:
        ValueError: there is none of that name; the text says the new name of a renamed one.
    """
    for known, recipe in RECIPES.items():
        if name == known:
            return recipe
    if name in RENAMED:
        raise ValueError(f"The recipe {name} is called {RENAMED[name]} now.")
    if name in TRAINED:
        raise ValueError(
            f"The recipe {name} trains the network, which `tfl-depth strategy` does with Keras "
            f"networks. Expected one of {', '.join(RECIPES)}."
        )
    raise ValueError(f"Expected a recipe of {', '.join(RECIPES)}, got {name!r}.")
